import AlmanacCore
import Columns
import Files
import Foundation
import Glibc
import Parquet
import TestSupport
import Testing

@testable import Pipelines

@Suite("Writing a part")
struct PartWriterTests {
  private static let batch: Batch = {
    var ids = ColumnBuilder(Field("id", .uuid))
    var names = ColumnBuilder(Field("name", .text))
    var random = SplitMix64(seed: 3)
    for row in 0..<400 {
      ids.append(UUIDValue(high: random.next(), low: UInt64(row)))
      names.append("name \(random.next())")
    }
    return Batch([ids.finish(), names.finish()])
  }()

  private func write(into path: String) throws -> Manifest.Part {
    try StoreSample(path, StoreSample.definition(mode: "append")).writer.write(
      dataset: "d", date: CalendarDate(daysSinceEpoch: 20_000), batch: Self.batch, key: ["id"])
  }

  @Test("ends with the disk full at any byte, and the next writing makes the part whole")
  func fullDisk() throws {
    try withTemporaryDirectory { folder in
      let path = folder.path(percentEncoded: false)
      var failures = 0
      var part: Manifest.Part?
      // Each pass lets one more piece through; a part and its index take several dozen.
      while part == nil {
        let faults = FileFaults(
          [.init(.write, code: ENOSPC, after: failures)], maximumTransfer: 300)
        do {
          part = try FileFaults.$current.withValue(faults) { try write(into: path) }
        } catch let error as FileError {
          #expect(error.code == ENOSPC && error.exitStatus == .inputOutput)
          #expect(error.description.contains("disk full: free space"))
          failures += 1
        }
        try #require(failures < 1_000)
      }
      #expect(failures > 20)
      let whole = try #require(part)
      #expect(try FileSystem.read(path + "/" + whole.path) == ParquetFile.encode(Self.batch))
      // All is as a writer leaves it that never met a full disk.
      try withTemporaryDirectory { otherFolder in
        let other = otherFolder.path(percentEncoded: false)
        let undisturbed = try write(into: other)
        #expect(undisturbed == whole)
        for name in [whole.path, PartIndex.path(of: whole)] {
          #expect(try FileSystem.read(path + "/" + name) == FileSystem.read(other + "/" + name))
        }
        let folder = whole.path.split(separator: "/").dropLast().joined(separator: "/")
        #expect(
          try FileSystem.list(path + "/" + folder).sorted()
            == FileSystem.list(other + "/" + folder).sorted())
      }
    }
  }
}
