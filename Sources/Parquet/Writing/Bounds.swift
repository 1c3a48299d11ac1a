import AlmanacCore
import Columns

/// The least and greatest of some values, `nil` when there is none.
@inline(__always)
func leastAndGreatest<Value: Comparable>(
  _ values: ArraySlice<Value>
) -> (least: Value, greatest: Value)? {
  guard var least = values.first else { return nil }
  var greatest = least
  for value in values {
    if value < least { least = value }
    if greatest < value { greatest = value }
  }
  return (least, greatest)
}

/// The least and greatest of some numbers, `nil` when there is none or one is not a number.
@inline(__always)
func floatBounds<Value: BinaryFloatingPoint>(
  _ values: ArraySlice<Value>
) -> (least: Value, greatest: Value)? {
  if values.contains(where: \.isNaN) { return nil }
  return leastAndGreatest(values)
}

extension StatisticsRecord {
  /// Longer bounds are left out: they would make the footer larger than they save.
  private static let maximumLength = 256

  /// Bounds whose values `encode` turns into bytes.
  init<Value>(_ bounds: (least: Value, greatest: Value)?, _ encode: (Value) -> [UInt8]) {
    self.init(minimum: bounds.map { encode($0.least) }, maximum: bounds.map { encode($0.greatest) })
  }

  /// Bounds of byte strings.
  init(_ bounds: (least: ArraySlice<UInt8>, greatest: ArraySlice<UInt8>)?) {
    guard let bounds, bounds.least.count <= StatisticsRecord.maximumLength,
      bounds.greatest.count <= StatisticsRecord.maximumLength
    else {
      self.init()
      return
    }
    self.init(minimum: Array(bounds.least), maximum: Array(bounds.greatest))
  }
}

extension TextStorage {
  /// The least and greatest of some entries in the order of their unsigned bytes.
  func bounds(
    of entries: some Sequence<Int>
  ) -> (least: ArraySlice<UInt8>, greatest: ArraySlice<UInt8>)? {
    var least: Int?
    var greatest: Int?
    for entry in entries {
      if least.map({ precedes(entry, $0) }) ?? true { least = entry }
      if greatest.map({ precedes($0, entry) }) ?? true { greatest = entry }
    }
    guard let least, let greatest else { return nil }
    return (entry(least), entry(greatest))
  }
}

extension FixedWidthInteger {
  /// The bytes, least significant first.
  var bytes: [UInt8] {
    stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> Self($0)) }
  }
}
