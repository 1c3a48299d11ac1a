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

  /// Bounds of byte strings.
  init(least: [UInt8]?, greatest: [UInt8]?) {
    let longest = max(least?.count ?? 0, greatest?.count ?? 0)
    self.init()
    if longest <= StatisticsRecord.maximumLength {
      minimum = least
      maximum = greatest
    }
  }
}

extension FixedWidthInteger {
  /// The bytes, least significant first.
  var bytes: [UInt8] {
    stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> Self($0)) }
  }
}
