import AlmanacCore
import Columns
import FoundationEssentials

/// Parses values that arrive as text, such as those lifted from a JSON document.
///
/// One malformed value never stops a night: it becomes null and is counted, even where the dataset
/// says that none may be missing.
struct LiftedColumns {
  private let fields: [Field]
  private let parsed: [Bool]
  private let key: [String]
  private var counts: [LiftedValues]
  private var rounded: [Int]

  /// Columns that stand for `fields`; `key` are the columns that identify a row.
  init(wireFields: [Field], fields: [Field], key: [String] = []) {
    self.fields = fields
    self.key = key
    parsed = zip(wireFields, fields).map { $0.type != $1.type }
    counts = fields.map { LiftedValues(column: $0.name, values: 0, malformed: 0) }
    rounded = [Int](repeating: 0, count: fields.count)
  }

  /// How many values each parsed column had, and which of them were malformed.
  var lifted: [LiftedValues] { zip(parsed, counts).filter(\.0).map(\.1) }

  /// The batch with every text column that stands for another type parsed; columns behind the
  /// fields are left as they are.
  mutating func parse(_ batch: Batch, dataset: String) throws -> Batch {
    guard parsed.contains(true) else { return batch }
    var columns = batch.columns
    for index in fields.indices where parsed[index] {
      columns[index] = parse(columns[index], at: index, in: batch)
    }
    return Batch(columns, rowCount: batch.rowCount)
  }

  /// Counts what another value with the same fields counted as well.
  mutating func addCounts(of other: LiftedColumns) {
    for index in fields.indices {
      counts[index].add(other.counts[index])
      rounded[index] += other.rounded[index]
    }
  }

  private mutating func parse(_ column: Column, at index: Int, in batch: Batch) -> Column {
    let field = fields[index]
    var builder = ColumnBuilder(Field(field.name, field.type, isNullable: true))
    guard case .text(let storage) = column.storage else {
      preconditionFailure("\(field.name) is parsed but did not arrive as text")
    }
    // Lifted values repeat, and each entry of the dictionary is parsed once.
    var entries = [Parsed?](repeating: nil, count: storage.entryCount)
    for row in 0..<column.rowCount {
      if column.isNull(row) {
        builder.appendNull()
        continue
      }
      let entry = storage.codes.map { Int($0[row]) } ?? row
      let parsed = entries[entry] ?? LiftedColumns.parse(storage.entry(entry), as: field.type)
      entries[entry] = parsed
      counts[index].values += 1
      if parsed.value == nil { count(malformed: index, row, in: batch) }
      if parsed.wasRounded { rounded[index] += 1 }
      builder.append(parsed.value)
    }
    return builder.finish()
  }

  private mutating func count(malformed index: Int, _ row: Int, in batch: Batch) {
    counts[index].malformed += 1
    guard counts[index].examples.count < LiftedValues.maximumExamples else { return }
    counts[index].examples.append(
      LiftedValues.Example(
        key: batch.keyText(row, key: key),
        reason: "no \(fields[index].type.declaredName)"))
  }

  private struct Parsed {
    var value: ColumnValue?
    var wasRounded = false
  }

  private static func parse(_ bytes: ArraySlice<UInt8>, as type: ColumnType) -> Parsed {
    let text = String(decoding: bytes, as: UTF8.self)
    switch type {
    case .decimal(let scale):
      guard case .amount(let units, let rounded) = Money.parse(decimal: text, decimals: scale)
      else { return Parsed(value: nil) }
      return Parsed(value: .integer(units), wasRounded: rounded)
    case .int64: return Parsed(value: Int64(text).map { .integer(Int128($0)) })
    case .uuid: return Parsed(value: UUIDValue(text).map { .uuid($0) })
    case .timestamp: return Parsed(value: Timestamp(text).map { .timestamp($0) })
    case .date: return Parsed(value: CalendarDate(text).map { .date($0) })
    case .bool:
      return Parsed(value: text == "true" ? .bool(true) : text == "false" ? .bool(false) : nil)
    case .float64:
      return Parsed(value: Double(decimal: text).map { .float($0) })
    default: return Parsed(value: .bytes(Array(bytes)))
    }
  }

  /// One line for each column with malformed or rounded values.
  ///
  /// `roundedOnWire` counts the values of numeric columns that were rounded as they arrived.
  func notices(dataset: String, roundedOnWire: [String: Int] = [:]) -> [String] {
    fields.indices.flatMap { index -> [String] in
      var lines: [String] = []
      if counts[index].malformed > 0 {
        lines.append(
          "\(dataset).\(fields[index].name): \(counts[index].malformed) malformed values became null"
        )
      }
      let roundedValues = rounded[index] + (roundedOnWire[fields[index].name] ?? 0)
      if roundedValues > 0, case .decimal(let scale) = fields[index].type {
        lines.append(
          "\(dataset).\(fields[index].name): \(roundedValues) amounts with more than \(scale) "
            + "decimals were rounded half-even")
      }
      return lines
    }
  }
}
