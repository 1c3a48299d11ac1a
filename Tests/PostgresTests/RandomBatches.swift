import AlmanacCore
import Columns

/// A batch of random values in which extremes, repetitions and nulls are frequent.
func randomBatch(_ fields: [Field], rows: Int, using generator: inout SplitMix64) -> Batch {
  var builders = fields.map { ColumnBuilder($0) }
  for _ in 0..<rows {
    for (index, field) in fields.enumerated() {
      if field.isNullable, Int.random(in: 0..<5, using: &generator) == 0 {
        builders[index].appendNull()
      } else {
        builders[index].append(randomValue(field, using: &generator))
      }
    }
  }
  return Batch(builders.map { $0.finish() }, rowCount: rows)
}

/// A random value of a field's type that PostgreSQL can hold.
private func randomValue(_ field: Field, using generator: inout SplitMix64) -> ColumnValue {
  let choice = Int.random(in: 0..<8, using: &generator)
  switch field.type {
  case .bool: return .bool(choice < 4)
  case .int16: return .integer(Int128(randomInteger(Int16.self, choice, using: &generator)))
  case .int32: return .integer(Int128(randomInteger(Int32.self, choice, using: &generator)))
  case .int64: return .integer(Int128(randomInteger(Int64.self, choice, using: &generator)))
  case .decimal(let scale):
    // Wide values in few columns only, so that batches without any are tried as well.
    if choice == 0, scale > 2 {
      return .integer(Int128.random(in: -1_000_000_000_000_000_000_000...10, using: &generator))
    }
    return .integer(Int128(randomInteger(Int64.self, choice, using: &generator)) / 10)
  case .float32:
    let special: [Float] = [0, -0.0, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 1.5]
    return .float(
      Double(choice < 5 ? special[choice] : Float.random(in: -9...9, using: &generator)))
  case .float64:
    let special = [0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1]
    return .float(choice < 5 ? special[choice] : Double.random(in: -9...9, using: &generator))
  case .text:
    if field.name == "code" { return .text(["EUR", "GBP", "JPY"][choice % 3]) }
    let length = choice < 4 ? choice : Int.random(in: 0..<40, using: &generator)
    return .text(
      String((0..<length).map { _ in "abzü €𝄞".randomElement(using: &generator) ?? "a" }))
  case .json: return .text("{\"a\": \(Int.random(in: 0..<50, using: &generator))}")
  case .bytes:
    return .bytes(
      (0..<(choice * 3)).map { _ in UInt8.random(in: 0...255, using: &generator) })
  case .uuid:
    if choice < 4 { return .uuid(UUIDValue(high: 0, low: UInt64(choice))) }
    return .uuid(UUIDValue(high: generator.next(), low: generator.next()))
  case .uuidList:
    return .uuids(
      (0..<max(0, choice - 2)).map { UUIDValue(high: UInt64($0 / 2), low: generator.next() % 3) })
  case .date:
    // From 4713 BC to the largest day a calendar date here may have.
    return .date(
      CalendarDate(daysSinceEpoch: Int32.random(in: -2_400_000...2_932_896, using: &generator)))
  case .timestamp:
    if choice == 0 { return .timestamp(Timestamp(microseconds: -210_866_803_200_000_000)) }
    return .timestamp(
      Timestamp(
        microseconds: Int64.random(
          in: -9_000_000_000_000...9_000_000_000_000_000, using: &generator)
      ))
  }
}

private func randomInteger<Value: FixedWidthInteger>(
  _ type: Value.Type, _ choice: Int, using generator: inout SplitMix64
) -> Value {
  switch choice {
  case 0: .min
  case 1: .max
  case 2: 0
  case 3: Value.random(in: 0..<100, using: &generator)
  default: Value.random(in: .min ... .max, using: &generator)
  }
}
