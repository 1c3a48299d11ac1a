import AlmanacCore
import Columns

/// Two numbers that tell whether all values of a column have arrived.
struct ColumnTotals: Equatable {
  /// The number of values that are not null.
  var count: Int128 = 0
  /// Of identifiers the exclusive or of their first halves, of text the number of bytes, of
  /// anything else the sum of the values in the units of the column.
  var total: Int128 = 0

  /// Totals that are already known.
  init(count: Int128, total: Int128) {
    self.count = count
    self.total = total
  }

  /// The totals of a column's values in all batches.
  init(of name: String, in batches: [Batch]) {
    for batch in batches {
      guard let column = batch[name] else { continue }
      count += Int128(column.rowCount - column.nullCount)
      switch column.storage {
      case .uuid(let values):
        var bits = UInt64(truncatingIfNeeded: total)
        for row in 0..<column.rowCount where !column.isNull(row) { bits ^= values.row(row).high }
        total = Int128(Int64(bitPattern: bits))
      case .text(let values):
        for row in 0..<column.rowCount where !column.isNull(row) {
          let entry = values.codes.map { Int($0[row]) } ?? row
          total += Int128(values.offsets[entry + 1] - values.offsets[entry])
        }
      case .int64(let values):
        // The slot of a null row holds zero.
        total += values.reduce(0) { $0 + Int128($1) }
      default: preconditionFailure("column \(name) is of no type the workload has")
      }
    }
  }

  /// The two SQL expressions that give the totals of a column.
  static func expressions(_ field: Field) -> [String] {
    let name = quoted(field.name)
    let total =
      switch field.type {
      case .uuid:
        "bit_xor(('x' || left(replace(\(name)::text, '-', ''), 16))::bit(64)::bigint)"
      case .timestamp: "trunc(sum(extract(epoch FROM \(name)) * 1000000))"
      case .text: "sum(octet_length(\(name)))"
      default: "trunc(sum(\(name)) * 10000)"
      }
    return ["count(\(name))", total]
  }

  /// Throws if the columns of the batches do not hold what the server has.
  static func check(
    _ batches: [Batch], _ fields: [Field], against expected: [ColumnTotals], measure: String
  ) throws(BenchmarkError) {
    for (field, expected) in zip(fields, expected) {
      let found = ColumnTotals(of: field.name, in: batches)
      guard found == expected else {
        throw .wrongResult(
          of: "\(measure), \(field.name)", found: "\(found)", expected: "\(expected)")
      }
    }
  }

  private static func quoted(_ name: String) -> String { "\"\(name)\"" }
}

/// What two rollups of the same events have in common.
struct RollupTotals: Equatable, Codable {
  /// The number of groups.
  let groups: Int
  /// The sum of event_count.
  let events: Int
  /// The sum of unique_users.
  let users: Int
  /// The sum of amount_sum, in ten-thousandths.
  let amount: Int
}
