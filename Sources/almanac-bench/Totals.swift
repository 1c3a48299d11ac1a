import AlmanacCore
import Columns

/// Two numbers that tell whether all values of a column have arrived.
struct ColumnTotals: Equatable, Sendable {
  /// The number of values that are not null.
  var count: Int128 = 0
  /// Of identifiers the exclusive or of their first halves, of text the number of bytes, of
  /// anything else the sum of the values in the units of the column.
  var total: Int128 = 0

  /// The totals of no values.
  init() {}

  /// Totals that are already known.
  init(count: Int128, total: Int128) {
    self.count = count
    self.total = total
  }

  /// The totals of a column's values in all batches.
  init(of name: String, in batches: [Batch]) {
    for batch in batches {
      if let column = batch[name] { add(column) }
    }
  }

  /// Adds the values of a column.
  mutating func add(_ column: Column) {
    count += Int128(column.rowCount - column.nullCount)
    switch column.storage {
    case .uuid(let values):
      let bits = ColumnTotals.exclusiveOr(values, column)
      total = Int128(Int64(truncatingIfNeeded: total) ^ Int64(bitPattern: bits))
    // A server gives a JSON document back in another form.
    case .text where column.field.type == .json: break
    case .text(let values): total += Int128(ColumnTotals.byteCount(values, column))
    case .int64(let values):
      // The slot of a null row holds zero; the sum of 1,024 times or amounts fits 64 bits.
      for start in stride(from: 0, to: values.count, by: 1024) {
        total += Int128(values[start..<min(start + 1024, values.count)].reduce(0, &+))
      }
    case .int32(let values): total += values.reduce(0) { $0 + Int128($1) }
    case .int128(let values): total += values.reduce(0, +)
    case .bool(let values): total += Int128(values.count { $0 })
    default: preconditionFailure("column \(column.field.name) is of no type the workload has")
    }
  }

  private static func exclusiveOr(_ values: UUIDStorage, _ column: Column) -> UInt64 {
    guard let codes = values.codes else {
      // The slot of a null row holds zero.
      return values.values.reduce(0) { $0 ^ $1.high }
    }
    var bits: UInt64 = 0
    if column.validity == nil {
      for code in codes { bits ^= values.values[Int(code)].high }
    } else {
      for row in codes.indices where !column.isNull(row) {
        bits ^= values.values[Int(codes[row])].high
      }
    }
    return bits
  }

  private static func byteCount(_ values: TextStorage, _ column: Column) -> Int {
    guard let codes = values.codes else { return values.bytes.count }
    let lengths = (0..<values.entryCount).map { values.offsets[$0 + 1] - values.offsets[$0] }
    if column.validity == nil { return codes.reduce(0) { $0 + lengths[Int($1)] } }
    return codes.indices.reduce(0) { $0 + (column.isNull($1) ? 0 : lengths[Int(codes[$1])]) }
  }

  /// The totals of all values of two parts of a column of a type.
  func merged(with other: ColumnTotals, _ type: ColumnType) -> ColumnTotals {
    ColumnTotals(
      count: count + other.count,
      total: type == .uuid
        ? Int128(Int64(truncatingIfNeeded: total) ^ Int64(truncatingIfNeeded: other.total))
        : total + other.total)
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
    try check(
      fields.map { ColumnTotals(of: $0.name, in: batches) }, fields, against: expected,
      measure: measure)
  }

  /// Throws if the totals of columns are not what the server has.
  static func check(
    _ totals: [ColumnTotals], _ fields: [Field], against expected: [ColumnTotals], measure: String
  ) throws(BenchmarkError) {
    for (field, (found, expected)) in zip(fields, zip(totals, expected)) where found != expected {
      throw .wrongResult(
        of: "\(measure), \(field.name)", found: "\(found)", expected: "\(expected)")
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
