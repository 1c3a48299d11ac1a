import AlmanacCore
import Columns
import Files
import Foundation
import TestSupport
import Testing

@testable import Pipelines

@Suite("Verification of snapshots")
struct SnapshotVerificationTests {
  /// Runs `body` with a folder of two days of events, and the manifest in it.
  private func withFolder(_ body: (String, Manifest) throws -> Void) throws {
    try withTemporaryDirectory { folder in
      let path = folder.path(percentEncoded: false) + "/data"
      let manifest = try {
        let directory = try DataDirectory(path: path)
        var partitioner = RowPartitioner(
          layout: PartLayout(dataset: "events", time: "time", key: ["id"]),
          writer: PartWriter(path: path))
        try partitioner.add(
          StateSample.batch(
            [0, 0, 3].enumerated().map { index, day in
              StateSample.Row(
                id: UInt64(index), day: day, second: index, recorded: 0,
                text: index == 1 ? nil : "x", amount: 5)
            }))
        var manifest = directory.manifest
        manifest.datasets["events"] = StateSample.dataset(try partitioner.finish())
        try directory.commit(manifest)
        return manifest
      }()
      try body(path, manifest)
    }
  }

  /// Puts a manifest into a folder, whatever it says.
  private func put(_ manifest: Manifest, into path: String) throws {
    try FileSystem.writeAtomically(try manifest.encoded(), to: path + "/manifest.json")
  }

  @Test("finds nothing in a sound folder, also while a run holds its lock")
  func sound() throws {
    try withFolder { path, _ in
      let directory = try DataDirectory(path: path)
      let result = try SnapshotVerification(path: path)
      #expect(result.damages.isEmpty && result.strayFiles.isEmpty)
      #expect(result.datasets == 1)
      #expect(result.parts == 2)
      #expect(result.rows == 3)
      #expect(result.bytes == directory.manifest.datasets["events"]?.bytes)
    }
  }

  @Test("names a part with another number of rows than listed, one that grew, and a folder")
  func damages() throws {
    try withFolder { path, manifest in
      var other = manifest
      other.datasets["events"]?.parts[0].rows = 7
      try put(other, into: path)
      let counted = try SnapshotVerification(path: path)
      #expect(counted.damages.map(\.reason) == ["it holds 2 rows, the manifest says 7"])
      try put(manifest, into: path)
      let parts = try #require(manifest.datasets["events"]?.parts)
      let file = path + "/" + parts[0].path
      try FileSystem.writeAtomically(try FileSystem.read(file) + [0], to: file)
      try FileSystem.remove(path + "/" + parts[1].path)
      try FileSystem.createDirectories(path + "/" + parts[1].path)
      let found = try SnapshotVerification(path: path)
      #expect(found.damages.map(\.path) == parts.map(\.path))
      #expect(found.damages.map(\.reason) == ["its bytes changed", "it is a folder"])
      #expect(found.rows == 0)
    }
  }

  @Test("names files that no manifest lists, at any depth")
  func strayFiles() throws {
    try withFolder { path, _ in
      try FileSystem.createDirectories(path + "/a/b/c/d")
      for name in ["x.parquet", "a/y", "a/b/z", "a/b/c/d/w", "events/date=1970-01-01/q.parquet"] {
        try FileSystem.writeAtomically([1], to: path + "/" + name)
      }
      let found = try SnapshotVerification(path: path)
      #expect(
        found.strayFiles
          == ["a/b/c/", "a/b/z", "a/y", "events/date=1970-01-01/q.parquet", "x.parquet"])
      #expect(found.damages.isEmpty)
    }
  }

  @Test("reads a manifest without touching the folder, and notices one of another folder")
  func reading() throws {
    try withFolder { path, manifest in
      let reading = try DataDirectoryReading(path: path)
      #expect(reading.manifest == manifest)
      #expect(reading.notice == nil)
      #expect(reading.summaries.map(\.missingDays) == [2])
      try put(StateSample.manifest(), into: path)
      #expect(try DataDirectoryReading(path: path).notice != nil)
      let error = try #require(throws: DataDirectoryError.self) {
        _ = try reading.dataset("event")
      }
      #expect(error.description.contains("did you mean \"events\"?"))
    }
  }

  @Test("gives the first rows only, and the columns also where no row is asked for")
  func rows() throws {
    try withFolder { path, _ in
      let reading = try DataDirectoryReading(path: path)
      let names = ["id", "time", "recorded", "text", "amount"]
      for (day, limit, counts, total) in [
        (nil, 9, [2, 1], 3), (nil, 2, [2], 3), (nil, 1, [1], 3), (Int32(3), 9, [1], 1),
        (Int32(1), 9, [], 0),
      ] {
        let rows = try reading.rows(
          of: "events", on: day.map { CalendarDate(daysSinceEpoch: $0) }, limit: limit)
        #expect(rows.fields.map(\.name) == names)
        #expect(rows.batches.map(\.rowCount) == counts)
        #expect(rows.total == total)
      }
    }
  }

  @Test("counts nulls and dictionaries over all parts")
  func description() throws {
    try withFolder { path, _ in
      let columns = try DatasetDescription(of: "events", in: try DataDirectoryReading(path: path))
        .columns
      #expect(columns.map(\.type) == ["uuid", "timestamp", "timestamp", "text", "money"])
      #expect(columns.map(\.isNullable) == [false, false, false, true, true])
      #expect(columns.map(\.nulls) == [0, 0, 0, 1, 0])
      #expect(columns.allSatisfy { $0.rows == 3 })
    }
  }
}
