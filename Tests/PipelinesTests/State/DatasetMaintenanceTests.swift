import Files
import Foundation
import TestSupport
import Testing

@testable import Pipelines

@Suite("Maintenance of snapshots")
struct DatasetMaintenanceTests {
  @Test(
    "joins the parts of a day that has more than eight, and of no other", arguments: [8, 9, 20])
  func compact(count: Int) throws {
    try StoreSample.with(StoreSample.definition(mode: "append")) { sample in
      let directory = try DataDirectory(path: sample.path)
      var parts: [Manifest.Part] = []
      for index in 0..<count {
        parts += try sample.parts([StoreSample.Row(id: UInt64(index), day: 3, second: index)])
      }
      parts += try sample.parts([StoreSample.Row(id: 1_000, day: 4)])
      let rows = try sample.stored(parts)
      var manifest = directory.manifest
      manifest.datasets["d"] = sample.dataset(parts)
      try directory.commit(manifest)

      let done = try DatasetMaintenance(directory).compact(nil)
      let kept = try #require(directory.manifest.datasets["d"]).parts
      let isJoined = count > 8
      #expect(
        done == [
          DatasetMaintenance.Compacted(
            dataset: "d", days: isJoined ? 1 : 0, partsBefore: count + 1,
            partsAfter: isJoined ? 2 : count + 1)
        ])
      #expect(kept.count == (isJoined ? 2 : count + 1))
      #expect(try sample.stored(kept) == rows)
      for part in parts where !kept.map(\.path).contains(part.path) {
        #expect(try !FileSystem.exists(sample.path + "/" + part.path))
      }
      let found = try SnapshotVerification(path: sample.path)
      #expect(found.damages.isEmpty && found.strayFiles.isEmpty && found.rows == count + 1)
    }
  }
}
