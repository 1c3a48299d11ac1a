import AlmanacCore
import Columns
import Files
import Foundation
import Parquet
import Regression
import TestSupport
import Testing

@testable import AlmanacCommands

/// Tables that are read a column at a time.
@Suite("Parquet files as tables")
struct ParquetTableTests {
  private func bytes(rows: Int) -> [UInt8] {
    var random = SplitMix64(seed: 8)
    var columns = [
      ColumnBuilder(Field("size", .float64, isNullable: true)),
      ColumnBuilder(Field("kind", .text, isNullable: true)), ColumnBuilder(Field("id", .int64)),
      ColumnBuilder(Field("won", .bool, isNullable: true)),
    ]
    for row in 0..<rows {
      let size = random.nextUnit()
      if row % 13 == 0 { columns[0].appendNull() } else { columns[0].append(size) }
      if row % 17 == 0 { columns[1].appendNull() } else { columns[1].append(["a", "b"][row % 2]) }
      columns[2].append(Int64(row))
      if row % 29 == 0 {
        columns[3].appendNull()
      } else {
        columns[3].append(random.nextUnit() < (size + Double(row % 2)) / 2)
      }
    }
    var options = ParquetWriteOptions()
    options.rowGroupRows = 200
    return ParquetFile.encode(Batch(columns.map { $0.finish() }), options: options)
  }

  @Test("a table read by columns gives the table and the fit of one that is held")
  func equality() throws {
    try withTemporaryDirectory { folder in
      let path = folder.appending(path: "t.parquet").path
      let bytes = bytes(rows: 700)
      try FileSystem.writeAtomically(bytes, to: path)
      let held = try ParquetTable(path).load()
      let read = try ParquetTable(path).load(heldCells: 0)
      #expect(held.digest == read.digest)
      #expect(held.table.names == read.table.names)
      for name in held.table.names {
        #expect(held.table[name]?.labels == read.table[name]?.labels)
      }
      #expect(held.table["kind"]?.labels[1] == "b" && held.table["size"]?.numbers[0].isNaN == true)
      let specification = ModelSpecification(target: "won")
      let model = try held.use { try specification.fit($0) }
      #expect(try read.use { try specification.fit($0) } == model)
      #expect(model.notes.contains { $0.contains("rows without a target") })
      #expect(model.terms.contains { $0.isJoint } || model.notes.contains { $0.contains("tried") })
    }
  }

  @Test("a file that is damaged behind its footer is an error, not a table without a column")
  func damage() throws {
    try withTemporaryDirectory { folder in
      let path = folder.appending(path: "t.parquet").path
      var bytes = bytes(rows: 700)
      for position in 10..<400 { bytes[position] ^= 0x5A }
      try FileSystem.writeAtomically(bytes, to: path)
      let loaded = try ParquetTable(path).load(heldCells: 0)
      #expect(throws: ParquetError.self) {
        try loaded.use { try ModelSpecification(target: "won").fit($0) }
      }
    }
  }
}
