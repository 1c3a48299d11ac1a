import Synchronization

/// How far loads have come, shared by the connections that read.
///
/// One of them writes the manifest while the others go on reading.
final class LoadProgress: Sendable {
  private struct State {
    var manifest: Manifest
    /// The manifest as the file holds it.
    var written: Manifest
    var uncommittedBlocks = 0
    var isWriting = false
  }

  private let state: Mutex<State>
  private let path: String
  private let totalBlocks: Int

  /// The share of all blocks that may wait for the manifest to be written: one in so many.
  private static let waitingShare = 128

  /// Progress that starts with the loads of a manifest.
  ///
  /// - Parameters:
  ///   - manifest: the manifest with the loads.
  ///   - path: the data directory.
  ///   - blocks: the blocks that are to be read.
  init(_ manifest: Manifest, in path: String, blocks: Int) {
    state = Mutex(State(manifest: manifest, written: manifest))
    self.path = path
    totalBlocks = blocks
  }

  /// A load as it stands.
  func load(_ dataset: String) -> Manifest.Load? {
    state.withLock { $0.manifest.loads?[dataset] }
  }

  /// The manifest as it was written last.
  var written: Manifest { state.withLock { $0.written } }

  /// Counts a chunk as done, and writes the manifest if it is time to and nobody does.
  func finish(
    _ chunk: Int, of dataset: String, blocks: Int, rows: Int, parts: [Manifest.Part],
    lifted: [LiftedValues], cut: SourceCut
  ) throws {
    let isDue = state.withLock { state in
      state.manifest.loads?[dataset]?.finish(
        chunk, rows: rows, parts: parts, lifted: lifted, cut: cut)
      state.uncommittedBlocks += blocks
      guard !state.isWriting,
        state.uncommittedBlocks * LoadProgress.waitingShare >= totalBlocks
      else { return false }
      state.isWriting = true
      return true
    }
    if isDue { try write() }
  }

  /// Writes the manifest if it does not say all; called when no chunk is under way.
  func commit() throws {
    if state.withLock({ $0.manifest != $0.written }) { try write() }
  }

  private func write() throws {
    let manifest = state.withLock { state in
      state.uncommittedBlocks = 0
      return state.manifest
    }
    defer { state.withLock { $0.isWriting = false } }
    try DataDirectory.write(manifest, in: path)
    state.withLock { $0.written = manifest }
  }
}

extension Manifest.Load {
  /// Counts a chunk as done.
  fileprivate mutating func finish(
    _ chunk: Int, rows: Int, parts: [Manifest.Part], lifted: [LiftedValues], cut: SourceCut
  ) {
    chunks[chunk].rows = rows
    chunks[chunk].parts = parts
    chunks[chunk].lifted = lifted.isEmpty ? nil : lifted
    watermark.horizon = min(watermark.horizon ?? cut.horizon, cut.horizon)
    // Chunks are of later instants than the begin of the load.
    watermark.logPosition = later(watermark.logPosition, cut.logPosition)
    watermark.flushedPosition = later(watermark.flushedPosition, cut.flushedPosition)
  }
}

/// The later of two positions of one log.
private func later(_ known: String?, _ position: LogPosition?) -> String? {
  [known.flatMap { LogPosition($0) }, position].compactMap(\.self).max()?.description
}

extension Manifest {
  /// The load of a dataset that has not ended.
  subscript(load dataset: String) -> Load? {
    get { loads?[dataset] }
    set {
      var all = loads ?? [:]
      all[dataset] = newValue
      loads = all.isEmpty ? nil : all
    }
  }
}
