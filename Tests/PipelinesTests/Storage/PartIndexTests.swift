import AlmanacCore
import Columns
import Files
import Foundation
import TestSupport
import Testing

@testable import Pipelines

@Suite("Filters of keys")
struct KeyFilterTests {
  @Test("match every hash they were made of, and hardly another", arguments: UInt64(0)..<12)
  func matches(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let count = [0, 1, 9, 500, 20_000, 70_000][Int(seed % 6)]
    // Some seeds have all hashes begin alike.
    let prefix: UInt64 = seed < 6 ? 0 : 0xABC0_0000_0000_0000
    let hashes = (0..<count).map { _ in prefix | random.next() >> (seed < 6 ? 0 : 12) }
    let filter = KeyFilter(hashes)
    var found: [Int] = []
    filter.forEachMatch(of: hashes) { found.append($0) }
    #expect(found == Array(hashes.indices), "seed \(seed)")
    let others = (0..<20_000).map { _ in random.next() }
    var strangers = 0
    filter.forEachMatch(of: others) { _ in strangers += 1 }
    #expect(strangers <= 2, "seed \(seed)")
    var prefixes: [UInt64] = []
    for slice in 0..<8 {
      filter.forEachPrefix(in: slice, of: 3) { word in
        #expect(Int(word >> 61) == slice)
        prefixes.append(word)
      }
    }
    let kept: UInt64 = ~0 << UInt64(32 - filter.bits)
    #expect(prefixes.sorted() == hashes.map { $0 & kept }.sorted(), "seed \(seed)")
  }

  @Test("are the same for equal keys, however these are stored")
  func equalKeys() throws {
    var id = ColumnBuilder(Field("id", .uuid))
    var name = ColumnBuilder(Field("name", .text))
    for row in 0..<50 {
      id.append(UUIDValue(high: UInt64(row % 7), low: 3))
      name.append("n\(row % 3)")
    }
    let plain = Batch([id.finish(), name.finish()])
    for key in [["id"], ["name", "id"]] {
      #expect(plain.keyHashes(of: key) == plain.compacted().keyHashes(of: key))
      #expect(Set(plain.keyHashes(of: key)).count == (key.count == 1 ? 7 : 21))
    }
  }
}

@Suite("Indexes of parts")
struct PartIndexTests {
  /// Runs `body` with a part whose file has many blocks.
  private func withPart(
    seed: UInt64 = 1, _ body: (StoreSample, Manifest.Part, Batch) throws -> Void
  ) throws {
    var random = SplitMix64(seed: seed)
    try StoreSample.with(StoreSample.definition(mode: "append")) { sample in
      let rows = (0..<9_000).map { index in
        StoreSample.Row(
          id: random.next(), second: index, text: "\(random.next())", writer: Int64(index))
      }
      let part = try #require(try sample.parts(rows).first)
      #expect(part.bytes > 6 * PartIndex.blockSize)
      try body(sample, part, sample.batch(rows))
    }
  }

  private func indexPath(_ part: Manifest.Part, _ sample: StoreSample) -> String {
    sample.path + "/" + PartIndex.path(of: part)
  }

  private func flip(_ path: String, at place: Int) throws {
    var bytes = try FileSystem.read(path)
    bytes[place] ^= 1 << UInt8(place % 8)
    try FileSystem.write(bytes, to: path)
  }

  @Test("let columns be read that equal those of the whole file")
  func columns() throws {
    try withPart { sample, part, _ in
      let whole = try sample.reader.decode(part, columns: nil)
      #expect(try FileSystem.exists(indexPath(part, sample)))
      for columns in [["id"], ["text", "at"], [StoredColumn.xid, "id"], []] {
        let some = try sample.reader.decode(part, columns: columns)
        #expect(some.fields.map(\.name) == columns)
        #expect(some.rowCount == part.rows)
        #expect(some.rowValues == whole.selecting(columns)?.rowValues)
      }
    }
  }

  @Test(
    "notice a flipped bit of the columns that are read, and leave the others to the verification",
    arguments: UInt64(0)..<12)
  func flippedBit(seed: UInt64) throws {
    try withPart(seed: seed) { sample, part, batch in
      var random = SplitMix64(seed: seed)
      let file = sample.path + "/" + part.path
      let sound = try FileSystem.read(file)
      var noticed = 0
      for _ in 0..<12 {
        try flip(file, at: Int.random(in: 0..<part.bytes, using: &random))
        do {
          let keys = try sample.reader.decode(part, columns: ["id"])
          // What was read is none of the damaged bytes.
          #expect(
            keys.rowValues == batch.selecting(["id"])?.rowValues, "seed \(seed): wrong values")
        } catch let error as PipelineError {
          guard case .damagedPart(let path, _) = error else { throw error }
          #expect(path == part.path)
          noticed += 1
        }
        #expect(try !sample.reader.isSound(part), "seed \(seed)")
        try FileSystem.write(sound, to: file)
      }
      // The identifiers are about a third of the file.
      #expect(noticed > 0, "seed \(seed)")
    }
  }

  @Test("are made again where they are missing, cut off, damaged or of another part")
  func rebuilt() throws {
    try withPart { sample, part, batch in
      let path = indexPath(part, sample)
      let sound = try FileSystem.read(path)
      let filter = try sample.reader.keyFilter(of: part, key: ["id"])
      #expect(filter == KeyFilter(batch.keyHashes(of: ["id"])))
      for damage in 0..<6 {
        switch damage {
        case 0: try FileSystem.remove(path)
        case 1: try FileSystem.write([], to: path)
        case 2: try FileSystem.write(Array(sound.dropLast(3)), to: path)
        case 3: try flip(path, at: 20)
        case 4: try flip(path, at: 150)
        default: try flip(path, at: sound.count - 100)
        }
        #expect(try sample.reader.keyFilter(of: part, key: ["id"]) == filter, "damage \(damage)")
        #expect(try FileSystem.read(path) == sound, "damage \(damage)")
      }
      // Columns alone do not need the filter, and make the index again with it.
      try FileSystem.remove(path)
      let reader = sample.reader([part])
      #expect(try reader.decode(part, columns: ["text"]).rowCount == part.rows)
      #expect(try FileSystem.read(path) == sound)
      let other = try #require(try sample.parts([StoreSample.Row(id: 5)]).first)
      try FileSystem.write(try FileSystem.read(indexPath(other, sample)), to: path)
      #expect(try sample.reader.keyFilter(of: part, key: ["id"]) == filter)
    }
  }

  @Test("of another key are not used, and commands that only look make none")
  func otherKey() throws {
    try withPart { sample, part, batch in
      let path = indexPath(part, sample)
      let wide = try sample.reader.keyFilter(of: part, key: ["id", "at"])
      #expect(wide == KeyFilter(batch.keyHashes(of: ["id", "at"])))
      try FileSystem.remove(path)
      var looking = PartReader(path: sample.path, manifest: Manifest(directoryID: "x"))
      looking.minimumIndexedBytes = 0
      _ = try looking.keyFilter(of: part, key: ["id"])
      _ = try looking.decode(part, columns: ["id"])
      #expect(try !FileSystem.exists(path))
    }
  }

  @Test("belong to the directory as long as their part does")
  func strayFiles() throws {
    try withTemporaryDirectory { folder in
      let path = folder.path(percentEncoded: false) + "/data"
      let directory = try DataDirectory(path: path)
      let sample = StoreSample(path, try StoreSample.definition(mode: "append"))
      let parts = try sample.parts([StoreSample.Row(id: 1), StoreSample.Row(id: 2, day: 3)])
      var manifest = directory.manifest
      manifest.datasets["d"] = sample.dataset(parts)
      try directory.commit(manifest)
      let indexes = parts.map { indexPath($0, sample) }
      #expect(try indexes.allSatisfy { try FileSystem.exists($0) })
      #expect(try SnapshotVerification(path: path).strayFiles.isEmpty)
      manifest.datasets["d"] = sample.dataset([parts[1]])
      try directory.commit(manifest)
      #expect(try !FileSystem.exists(indexes[0]))
      #expect(try FileSystem.exists(indexes[1]))
      #expect(try SnapshotVerification(path: path).strayFiles.isEmpty)
    }
  }
}
