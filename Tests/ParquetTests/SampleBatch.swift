import AlmanacCore
import Columns

/// Batches with every column type, made from a seed.
enum SampleBatch {
  /// One column of each type; `style` decides how often values repeat and which are null.
  static func make(seed: UInt64, rowCount: Int) -> Batch {
    var generator = SplitMix64(seed: seed)
    let types: [(String, ColumnType)] = [
      ("bool", .bool), ("int16", .int16), ("int32", .int32), ("int64", .int64),
      ("float32", .float32), ("float64", .float64), ("money", .money),
      ("wide", .decimal(scale: 10)), ("text", .text), ("json", .json), ("bytes", .bytes),
      ("uuid", .uuid), ("uuids", .uuidList), ("date", .date), ("timestamp", .timestamp),
    ]
    let columns = types.map { name, type in
      var column = ColumnBuilder(Field(name, type, isNullable: Bool.random(using: &generator)))
      // From one value for all rows to a new one for almost each.
      let distinct = [1, 2, 7, 300, 1 << 20][Int.random(in: 0..<5, using: &generator)]
      let nullShare = column.field.isNullable ? [0, 0.02, 0.5, 1][Int(generator.next() % 4)] : 0
      var run = 0
      var value: ColumnValue?
      for _ in 0..<rowCount {
        if run == 0 {
          // Runs let the run lengths come into play, in values and in levels.
          run = Bool.random(using: &generator) ? 1 : Int.random(in: 1...40, using: &generator)
          let isNull = Double.random(in: 0..<1, using: &generator) < nullShare
          var valueGenerator = SplitMix64(
            seed: seed &* 31 &+ UInt64.random(in: 0..<UInt64(distinct), using: &generator))
          value = isNull ? nil : SampleBatch.value(of: type, name: name, using: &valueGenerator)
        }
        run -= 1
        column.append(value)
      }
      return column.finish()
    }
    return Batch(columns, rowCount: rowCount)
  }

  /// A value of a type, now and then an extreme one.
  static func value(
    of type: ColumnType, name: String = "", using generator: inout SplitMix64
  ) -> ColumnValue {
    let isExtreme = generator.next() % 10 == 0
    switch type {
    case .bool: return .bool(Bool.random(using: &generator))
    case .int16: return .integer(Int128(extreme(Int16.self, isExtreme, &generator)))
    case .int32: return .integer(Int128(extreme(Int32.self, isExtreme, &generator)))
    case .int64: return .integer(Int128(extreme(Int64.self, isExtreme, &generator)))
    case .decimal:
      if name == "wide" {
        let bound: Int128 = 99_999_999_999_999_999_999_999_999_999_999_999_999
        return .integer(
          isExtreme ? (Bool.random(using: &generator) ? bound : -bound) : Int128(generator.next()))
      }
      return .integer(Int128(Int64.random(in: -1_000_000...1_000_000, using: &generator)))
    case .float32, .float64:
      let special: [Double] = [0, -0.0, .infinity, -.infinity, .nan, 1.5, -3]
      if isExtreme { return .float(special[Int(generator.next() % 7)]) }
      return .float(Double(Float.random(in: -1e6...1e6, using: &generator)))
    case .text:
      let words = ["", "a", "é", "page_view", "日本", "quote\"comma,", "line\nbreak", "😀"]
      let count = isExtreme ? 40 : Int.random(in: 0...3, using: &generator)
      return .text((0..<count).map { _ in words[Int(generator.next() % 8)] }.joined())
    case .json: return .text("{\"n\": \(generator.next() % 1000)}")
    case .bytes:
      let count = isExtreme ? 300 : Int.random(in: 0...5, using: &generator)
      return .bytes((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
    case .uuid:
      return .uuid(
        isExtreme ? .zero : UUIDValue(high: generator.next(), low: generator.next()))
    case .uuidList:
      return .uuids(
        (0..<Int.random(in: 0...4, using: &generator)).map { _ in
          UUIDValue(high: 0, low: generator.next() % 50)
        })
    case .date:
      return .date(
        CalendarDate(daysSinceEpoch: Int32.random(in: -700_000...2_900_000, using: &generator)))
    case .timestamp:
      return .timestamp(
        Timestamp(
          microseconds: Int64.random(
            in: -62_135_596_800_000_000..<253_402_300_800_000_000, using: &generator)))
    }
  }

  private static func extreme<Number: FixedWidthInteger>(
    _ type: Number.Type, _ isExtreme: Bool, _ generator: inout SplitMix64
  ) -> Number {
    if isExtreme { return Bool.random(using: &generator) ? .min : .max }
    return Number(truncatingIfNeeded: Int64.random(in: -1000...1000, using: &generator))
  }
}

/// The first difference between two batches in fields, row counts or values, `nil` if there is
/// none; floating-point numbers are compared by their bits.
func firstDifference(_ left: Batch, _ right: Batch) -> String? {
  if left.fields != right.fields { return "fields \(left.fields) and \(right.fields)" }
  if left.rowCount != right.rowCount { return "\(left.rowCount) and \(right.rowCount) rows" }
  for (leftColumn, rightColumn) in zip(left.columns, right.columns) {
    for row in 0..<left.rowCount {
      let values = (leftColumn.value(row), rightColumn.value(row))
      if case (.float(let first), .float(let second)) = values {
        if first.bitPattern == second.bitPattern || (first.isNaN && second.isNaN) { continue }
      } else if values.0 == values.1 {
        continue
      }
      return "\(leftColumn.field.name), row \(row): \(String(describing: values))"
    }
  }
  return nil
}
