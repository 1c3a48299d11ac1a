import Columns
import Documents
import Foundation
import Pipelines
import Testing

@Suite("The shipped datasets beside the source schema")
struct ShippedSchemaTests {
  /// A column of a `CREATE TABLE` in the source schema.
  private struct SQLColumn {
    let type: String
    let isNullable: Bool
  }

  /// The columns of each table by name, read line by line from the schema's own layout.
  private static func tables() throws -> [String: [String: SQLColumn]] {
    let text = String(decoding: try ShippedFiles.bytes("datasets/source-schema.sql"), as: UTF8.self)
    var tables: [String: [String: SQLColumn]] = [:]
    var table: String?
    for line in text.split(separator: "\n") {
      if let match = line.wholeMatch(of: /CREATE TABLE IF NOT EXISTS (\S+) \(/) {
        table = String(match.1)
      } else if line.hasPrefix(")") {
        table = nil
      } else if let table, let match = line.prefixMatch(of: /\s+"?([a-z_]+)"? ([a-z]+)/) {
        tables[table, default: [:]][String(match.1)] = SQLColumn(
          type: String(match.2),
          isNullable: !line.contains("NOT NULL") && !line.contains("PRIMARY KEY"))
      }
    }
    return tables
  }

  @Test(
    "name columns that are there, with their types and nulls",
    arguments: try ShippedFiles.names(in: "datasets"))
  func columns(_ file: String) throws {
    let definition = try DatasetDefinition(node: try ShippedFiles.node(file))
    guard case .table(let schema, let name) = definition.source else {
      Issue.record("\(file) reads no table")
      return
    }
    let table = try #require(try Self.tables()["\(schema).\(name)"])
    let types: [ColumnType: Set<String>] = [
      .uuid: ["uuid"], .text: ["text", "char"], .int64: ["integer", "bigint"],
      .money: ["numeric"], .timestamp: ["timestamptz"], .date: ["date"],
      .bool: ["boolean"],
      .decimal(scale: 10): ["numeric"],
    ]
    for column in definition.allColumns where column.expression == nil {
      let declared = try #require(table[column.name], "\(column.name) is not in the schema")
      #expect(types[column.type]?.contains(declared.type) == true, "\(column.mark)")
      #expect(column.isNullable == declared.isNullable, "\(column.mark)")
    }
    let extracted = Set(definition.allColumns.map(\.name))
    // The metadata's keys are lifted one by one.
    #expect(Set(table.keys).subtracting(extracted).subtracting(["metadata"]) == [])
  }
}
