import AlmanacCore
import Billing
import Codecs
import Columns
import Foundation
import SampleSources
import Testing

/// What the tests of the online retail loader share.
enum Retail {
  static let header =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

  /// The rules of the shop's zone.
  static func london() throws -> ZoneRules {
    let path = "/usr/share/zoneinfo/Europe/London"
    let bytes = try #require(FileManager.default.contents(atPath: path), "no zone file \(path)")
    return try #require(ZoneRules(name: "Europe/London", file: Array(bytes)))
  }

  /// One line of a file with defaults for all but what a test is about.
  static func line(
    _ invoice: String, _ stock: String = "85048", quantity: String = "2",
    at time: String = "2010-03-01 10:00:00", price: String = "1.5", customer: String = "13085.0",
    country: String = "United Kingdom", description: String = "LIGHTS"
  ) -> String {
    "\(invoice),\(stock),\(description),\(quantity),\(time),\(price),\(customer),\(country)"
  }

  static func bytes(_ lines: [String]) -> [UInt8] {
    Array(([header] + lines).map { $0 + "\n" }.joined().utf8)
  }

  /// Converts one file of the given lines behind the header.
  static func convert(_ lines: [String]) throws -> OnlineRetailLoad {
    try OnlineRetail.convert(files: [("one.csv", bytes(lines))], zone: london())
  }

  /// The files of the repository, decompressed.
  static func realFiles() throws -> [(name: String, bytes: [UInt8])] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "datasets/online-retail")
    return try ["2009-2010", "2010-2011"].map { name in
      let file = try Data(contentsOf: folder.appending(path: "\(name).csv.zst"))
      return (name + ".csv", try Zstd.decompress(Array(file), maximumSize: 100_000_000))
    }
  }
}

extension OnlineRetailLoad {
  /// The batch of a table, by the table's qualified name.
  func batch(_ name: String) throws -> Batch {
    try #require(tables.first { $0.table.qualifiedName == name }?.batch, "no table \(name)")
  }

  /// The values of one column.
  func values(_ table: String, _ column: String) throws -> [ColumnValue?] {
    let column = try #require(try batch(table)[column], "no column \(column) in \(table)")
    return (0..<column.rowCount).map { column.value($0) }
  }

  /// The amounts of one column in ten-thousandths.
  func amounts(_ table: String, _ column: String) throws -> [Int128] {
    try values(table, column).map { value in
      guard case .integer(let amount) = value else {
        Issue.record("\(table).\(column) holds \(String(describing: value))")
        return 0
      }
      return amount
    }
  }

  /// The texts of one column; empty for null.
  func texts(_ table: String, _ column: String) throws -> [String] {
    try values(table, column).map { value in
      guard case .bytes(let bytes) = value else { return "" }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  /// The instants of one column as text; empty for null.
  func times(_ table: String, _ column: String) throws -> [String] {
    try values(table, column).map { value in
      guard case .timestamp(let time) = value else { return "" }
      return time.description
    }
  }
}
