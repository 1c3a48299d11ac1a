import AlmanacCore
import Codecs
import Columns
import Files
import Foundation
import TestSupport
import Testing

@testable import Pipelines

@Suite("Data directories")
struct DataDirectoryTests {
  private typealias Row = StateSample.Row

  /// Writes rows of the dataset `events` as parts and returns the manifest that lists them.
  private func extract(_ rows: [Row], into directory: DataDirectory) throws -> Manifest {
    var partitioner = RowPartitioner(
      layout: PartLayout(dataset: "events", time: "time", key: ["id"]),
      writer: PartWriter(path: directory.path))
    try partitioner.add(StateSample.batch(rows))
    var manifest = directory.manifest
    manifest.datasets["events"] = StateSample.dataset(try partitioner.finish())
    return manifest
  }

  private static func rows(_ days: Range<Int>, text: String = "x") -> [Row] {
    days.map { Row(id: UInt64($0), day: $0, second: 5, recorded: 9, text: text, amount: 10) }
  }

  /// The identities of all rows that the manifest lists.
  private func identities(_ directory: DataDirectory) throws -> [ColumnValue?] {
    try directory.reader.read("events", columns: ["id"]).flatMap { $0.rowValues.map { $0[0] } }
  }

  /// Runs `body` with the path of a folder that does not exist yet.
  private func withPath(_ body: (String) throws -> Void) throws {
    try withTemporaryDirectory { try body($0.path(percentEncoded: false) + "/a/data") }
  }

  @Test("are made where there is none, empty and with an identity")
  func new() throws {
    try withPath { path in
      let directory = try DataDirectory(path: path)
      #expect(directory.manifest == Manifest(directoryID: directory.identity.description))
      #expect(directory.foundDigest == nil)
      #expect(directory.notices.isEmpty)
      #expect(try FileSystem.exists(path + "/directory-id"))
      #expect(try !FileSystem.exists(path + "/manifest.json"))
      try withPath { other in
        let identity = try DataDirectory(path: other).identity
        #expect(identity != directory.identity)
      }
    }
  }

  @Test("are found again as they were committed")
  func reopened() throws {
    try withPath { path in
      let (identity, digest) = try {
        let directory = try DataDirectory(path: path)
        try directory.commit(try extract(Self.rows(0..<3), into: directory))
        return (directory.identity, try directory.manifest.digest())
      }()
      let directory = try DataDirectory(path: path)
      #expect(directory.identity == identity)
      #expect(directory.foundDigest == digest)
      #expect(directory.notices.isEmpty)
      #expect(try identities(directory) == (0..<3).map { .uuid(UUIDValue(high: 0, low: $0)) })
    }
  }

  @Test("let one opener in at a time")
  func locked() throws {
    try withPath { path in
      do {
        let first = try DataDirectory(path: path)
        #expect(throws: FileError.locked(directory: first.path)) {
          _ = try DataDirectory(path: path)
        }
      }
      #expect(throws: Never.self) { _ = try DataDirectory(path: path) }
    }
  }

  @Test("are refused with 65 and left as they are when the manifest is junk")
  func unreadableManifest() throws {
    for junk in ["", "{", "{\"version\": 2}", "null"] {
      try withPath { path in
        let sample = try StateSample.manifest().encoded()
        do { _ = try DataDirectory(path: path) }
        try FileSystem.createDirectories(path + "/events/date=2026-01-01")
        try FileSystem.writeAtomically(sample, to: path + "/events/date=2026-01-01/part-1.parquet")
        try FileSystem.writeAtomically(Array(junk.utf8), to: path + "/manifest.json")
        let error = try #require(throws: DataDirectoryError.self) {
          _ = try DataDirectory(path: path)
        }
        #expect(error == .unreadableManifest(path: path), "\(junk)")
        #expect(error.exitStatus == .badData)
        #expect(error.description.contains("put back a copy of it, or remove it"))
        #expect(try FileSystem.read(path + "/manifest.json") == Array(junk.utf8))
        #expect(
          try FileSystem.read(path + "/events/date=2026-01-01/part-1.parquet") == sample)
        // As the message says.
        try FileSystem.remove(path + "/manifest.json")
        #expect(try DataDirectory(path: path).manifest.datasets.isEmpty)
      }
    }
  }

  @Test("count as empty, with a notice, when the manifest is of another folder")
  func unusableManifest() throws {
    try withPath { path in
      let identity = try DataDirectory(path: path).identity
      try FileSystem.writeAtomically(
        try StateSample.manifest().encoded(), to: path + "/manifest.json")
      let directory = try DataDirectory(path: path)
      #expect(directory.identity == identity)
      #expect(directory.manifest.datasets.isEmpty)
      #expect(directory.foundDigest == nil)
      #expect(directory.notices.count == 1)
      #expect(directory.notices.first?.contains("belongs to another folder") == true)
    }
  }

  @Test(
    "take the identity that their manifest names when theirs is junk or gone",
    arguments: [true, false])
  func lostIdentity(isJunk: Bool) throws {
    try withPath { path in
      let identity = try {
        let directory = try DataDirectory(path: path)
        try directory.commit(try extract(Self.rows(0..<1), into: directory))
        return directory.identity
      }()
      if isJunk {
        try FileSystem.writeAtomically(Array("no identity".utf8), to: path + "/directory-id")
      } else {
        try FileSystem.remove(path + "/directory-id")
      }
      let directory = try DataDirectory(path: path)
      #expect(directory.identity == identity)
      #expect(directory.manifest.datasets["events"]?.rows == 1)
      #expect(directory.notices.count == (isJunk ? 1 : 0))
      let written = try FileSystem.read(path + "/directory-id")
      #expect(UUIDValue(String(decoding: written, as: UTF8.self).prefix(36)) == identity)
    }
  }

  @Test(
    "are refused when a newer program wrote the manifest, in whatever form",
    arguments: ["{\"version\": 4}", "{\"version\": 7, \"datasets\": [], \"shards\": {}}"])
  func newerManifest(text: String) throws {
    try withPath { path in
      _ = try DataDirectory(path: path)
      try FileSystem.writeAtomically(Array(text.utf8), to: path + "/manifest.json")
      let error = try #require(throws: PipelineError.self) { _ = try DataDirectory(path: path) }
      guard case .newerManifest = error else {
        Issue.record("\(error)")
        return
      }
      #expect(try FileSystem.read(path + "/manifest.json") == Array(text.utf8))
    }
  }

  @Test("are not made of a folder that holds other files")
  func foreignFolder() throws {
    try withPath { path in
      try FileSystem.createDirectories(path + "/src")
      try FileSystem.writeAtomically([1], to: path + "/src/precious.parquet")
      #expect(throws: PipelineError.foreignFolder(path: path)) { _ = try DataDirectory(path: path) }
      #expect(try FileSystem.list(path) == ["src"])
      #expect(try FileSystem.read(path + "/src/precious.parquet") == [1])
    }
  }

  @Test("lose the parts that the manifest does not list, and nothing else")
  func strayFiles() throws {
    try withPath { path in
      let directory = try DataDirectory(path: path)
      try directory.commit(try extract(Self.rows(0..<2), into: directory))
      let listed = try #require(directory.manifest.datasets["events"]).parts.map(\.path)
      for folder in ["/events/date=1999-01-01", "/gone"] {
        try FileSystem.createDirectories(path + folder)
        try FileSystem.writeAtomically([1], to: path + folder + "/part-x.parquet")
      }
      try FileSystem.writeAtomically([1], to: path + "/events/part-y.parquet")
      try FileSystem.writeAtomically([1], to: path + "/events/notes.txt")
      try FileSystem.writeAtomically([1], to: path + "/readme")
      try directory.removeStrayFiles()
      #expect(try !FileSystem.exists(path + "/events/date=1999-01-01"))
      #expect(try FileSystem.list(path + "/gone").isEmpty)
      #expect(try !FileSystem.exists(path + "/events/part-y.parquet"))
      for kept in listed + ["events/notes.txt", "readme", "manifest.json", "directory-id"] {
        #expect(try FileSystem.exists(path + "/" + kept), "\(kept)")
      }
    }
  }

  @Test("replace parts by a commit and remove the old ones")
  func replaced() throws {
    try withPath { path in
      let directory = try DataDirectory(path: path)
      try directory.commit(try extract(Self.rows(0..<2, text: "old"), into: directory))
      let old = try #require(directory.manifest.datasets["events"]).parts.map(\.path)
      try directory.commit(try extract(Self.rows(1..<4, text: "new"), into: directory))
      let new = try #require(directory.manifest.datasets["events"]).parts.map(\.path)
      for gone in old { #expect(try !FileSystem.exists(path + "/" + gone)) }
      for kept in new { #expect(try FileSystem.exists(path + "/" + kept)) }
      #expect(try FileSystem.list(path + "/events").count == 3)
    }
  }

  @Test(
    "hold the old or the new state whole, whatever fails in a commit",
    arguments: [
      (FileOperation.synchronize, EIO, 0, false), (.create, ENOSPC, 0, false),
      (.write, ENOSPC, 0, false), (.write, EDQUOT, 1, false), (.synchronize, EIO, 1, false),
      (.rename, EACCES, 0, false), (.synchronize, EIO, 2, true), (.remove, EACCES, 0, true),
    ])
  func atomicCommit(operation: FileOperation, code: Int32, after: Int, isNew: Bool) throws {
    try withPath { path in
      try {
        let directory = try DataDirectory(path: path)
        try directory.commit(try extract(Self.rows(0..<2, text: "old"), into: directory))
        let next = try extract(Self.rows(0..<5, text: "new"), into: directory)
        let faults = FileFaults([.init(operation, code: code, after: after)], maximumTransfer: 500)
        let error = try #require(throws: FileError.self) {
          try FileFaults.$current.withValue(faults) { try directory.commit(next) }
        }
        #expect(error.code == code)
      }()
      let directory = try DataDirectory(path: path)
      #expect(directory.notices.isEmpty)
      #expect(try identities(directory).count == (isNew ? 5 : 2))
      try directory.removeStrayFiles()
      #expect(try identities(directory).count == (isNew ? 5 : 2))
      #expect(try !FileSystem.list(path).contains { FileSystem.isTemporary($0) })
    }
  }

  @Test("name a part that is missing, damaged or another one")
  func damagedParts() throws {
    try withPath { path in
      let directory = try DataDirectory(path: path)
      var manifest = try extract(Self.rows(0..<2), into: directory)
      try directory.commit(manifest)
      let part = try #require(manifest.datasets["events"]?.parts.first)
      let file = path + "/" + part.path
      let bytes = try FileSystem.read(file)
      func expect(_ reason: String) {
        #expect(throws: PipelineError.damagedPart(path: part.path, reason: reason)) {
          _ = try directory.reader.read("events", columns: ["id"])
        }
      }
      try FileSystem.writeAtomically(Array(bytes.dropLast()), to: file)
      expect("its bytes changed")
      try FileSystem.remove(file)
      expect("it is missing")
      // A file whose digest is right and that is no Parquet file.
      let junk = Array("no parquet".utf8)
      try FileSystem.writeAtomically(junk, to: file)
      manifest.datasets["events"]?.parts[0].sha256 = SHA256.hexadecimalDigest(of: junk)
      let reader = PartReader(path: path, manifest: manifest)
      let error = try #require(throws: PipelineError.self) {
        _ = try reader.read("events", columns: ["id"])
      }
      guard case .damagedPart(let named, _) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(named == part.path)
    }
  }

  @Test("read the asked days and columns only, and parts without a day always")
  func selection() throws {
    try withPath { path in
      let directory = try DataDirectory(path: path)
      try directory.commit(try extract(Self.rows(10..<14), into: directory))
      let days = CalendarDate(daysSinceEpoch: 11)...CalendarDate(daysSinceEpoch: 12)
      let batches = try directory.reader.read("events", days: days, columns: ["amount", "id"])
      #expect(batches.map(\.rowCount) == [1, 1])
      #expect(batches.first?.fields.map(\.name) == ["amount", "id"])
      #expect(try directory.reader.read("unknown", columns: ["id"]).isEmpty)
      var manifest = directory.manifest
      manifest.datasets["events"]?.parts[0].date = nil
      let reader = PartReader(path: path, manifest: manifest)
      #expect(try reader.read("events", days: days, columns: ["id"]).count == 3)
    }
  }
}
