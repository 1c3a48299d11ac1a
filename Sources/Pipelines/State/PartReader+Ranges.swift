import AlmanacCore
import Codecs
import Columns
import Files
import Parquet

/// Reading no more of a part than is asked for (DECISIONS.md, D-137).
extension PartReader {
  /// The columns of a part, all of them if `nil`, whatever it holds.
  ///
  /// Some columns of a large part are read with the blocks that they lie in, held against the
  /// digests of the part's index; without a sound index, and of a small part, everything is.
  ///
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  func decode(_ part: Manifest.Part, columns: [String]?) throws -> Batch {
    if let columns, let file = try open(part), let index = try index(of: part)?.index {
      return try located(part) {
        try ParquetReader(byteCount: part.bytes) { range in
          try sound(range, of: part, in: file, by: index)
        }.decode(columns: columns, verifyingChecksums: false)
      }
    }
    let bytes = try bytes(of: part)
    if columns != nil, makesIndexes, part.bytes >= minimumIndexedBytes, part.holdsRows {
      let dataset = String(part.path.prefix { $0 != "/" })
      let key = manifest.datasets[dataset]?.layout?.key ?? []
      if !key.isEmpty { _ = try makeIndex(of: part, bytes, key: key) }
    }
    return try located(part) { try ParquetFile.decode(bytes, columns: columns) }
  }

  /// The filter of a part's keys, made of its rows where no index has it.
  ///
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  func keyFilter(of part: Manifest.Part, key: [String]) throws -> KeyFilter {
    if let (index, file) = try index(of: part), let filter = try index.filter(of: key, in: file) {
      return filter
    }
    return try makeIndex(of: part, try bytes(of: part), key: key)
  }

  /// Makes the index of a part whose bytes are known to be sound.
  ///
  /// An index only saves time, so a disk that does not take it is no reason to stop.
  private func makeIndex(
    of part: Manifest.Part, _ bytes: [UInt8], key: [String]
  ) throws -> KeyFilter {
    let keys = try located(part) { try ParquetFile.decode(bytes, columns: key) }
    let filter = KeyFilter(keys.keyHashes(of: key))
    if makesIndexes, part.bytes >= minimumIndexedBytes, part.holdsRows {
      let file = PartIndex.encoded(part, bytes: bytes, filter: filter, key: key)
      try? FileSystem.write(file, to: path + "/" + PartIndex.path(of: part))
    }
    return filter
  }

  /// The index of a part and its file, `nil` where there is no sound one.
  private func index(
    of part: Manifest.Part
  ) throws -> (index: PartIndex, file: RandomAccessFile)? {
    guard part.bytes >= minimumIndexedBytes, part.holdsRows else { return nil }
    let path = path + "/" + PartIndex.path(of: part)
    guard try FileSystem.exists(path) else { return nil }
    do throws(FileError) {
      let file = try RandomAccessFile(path)
      return try PartIndex(part, in: file).map { ($0, file) }
    } catch {
      // What the disk cannot read any more is made again.
      guard error.exitStatus == .inputOutput else { throw error }
      return nil
    }
  }

  /// The file of a part that is large enough to be read by ranges.
  private func open(_ part: Manifest.Part) throws -> RandomAccessFile? {
    guard part.bytes >= minimumIndexedBytes, part.holdsRows else { return nil }
    let path = path + "/" + part.path
    guard try FileSystem.exists(path) else {
      throw PipelineError.damagedPart(path: part.path, reason: "it is missing")
    }
    let file = try RandomAccessFile(path)
    guard file.byteCount == part.bytes else {
      throw PipelineError.damagedPart(path: part.path, reason: "its bytes changed")
    }
    return file
  }

  /// The bytes of a range, read with the blocks that it lies in.
  private func sound(
    _ range: Range<Int>, of part: Manifest.Part, in file: RandomAccessFile, by index: PartIndex
  ) throws -> [UInt8] {
    if range.isEmpty { return [] }
    let size = PartIndex.blockSize
    let first = range.lowerBound / size
    let end = min(part.bytes, (range.upperBound + size - 1) / size * size)
    let bytes = try file.read(first * size..<end)
    guard bytes.count == end - first * size, index.accepts(bytes, from: first) else {
      throw PipelineError.damagedPart(path: part.path, reason: "its bytes changed")
    }
    let start = range.lowerBound - first * size
    return range.count == bytes.count ? bytes : Array(bytes[start..<start + range.count])
  }

  /// Does some decoding; what is wrong in the file names the part.
  private func located<Result>(
    _ part: Manifest.Part, _ decode: () throws -> Result
  ) throws -> Result {
    do {
      return try decode()
    } catch let error as ParquetError {
      throw PipelineError.damagedPart(path: part.path, reason: error.description)
    }
  }
}
