import AlmanacCore
import Columns

extension Batch {
  /// The rows in ascending order of the named columns, those that agree in all of these ordered by
  /// everything else; `nil` if they are in order as they are.
  ///
  /// The same rows give the same order whatever the one they arrive in. Only rows that agree in the
  /// first column, a rare thing in clocks and identifiers, are compared by the other ones.
  func settledOrder(by names: [String]) -> [Int]? {
    guard let first = names.first.flatMap({ self[$0] }), let prefixes = first.orderPrefixes() else {
      return settledOrderByAll(names)
    }
    guard rowCount > 1 else { return nil }
    guard (1..<rowCount).contains(where: { prefixes[$0 - 1] >= prefixes[$0] }) else { return nil }
    let packed = packedOrder(prefixes)
    var order = packed.words.map { Int(truncatingIfNeeded: $0 & packed.indexMask) }
    // Neighbours that agree in what was sorted by, be it the whole value or only its first bits.
    var tied: [Int] = []
    for place in 1..<rowCount
    where packed.words[place - 1] | packed.indexMask == packed.words[place] | packed.indexMask {
      if tied.last != place - 1 { tied.append(place - 1) }
      tied.append(place)
    }
    if !tied.isEmpty {
      let rows = tied.map { order[$0] }
      let settled = taking(rows).settledOrderByAll(names)
      for (place, row) in zip(tied, settled) { order[place] = rows[row] }
    }
    return order
  }

  /// The rows ordered by the named columns, and by all others where rows agree in these.
  private func settledOrderByAll(_ names: [String]) -> [Int] {
    let ordered = order(by: names)
    let identity = names.compactMap { self[$0] }
    let hasTies = (1..<max(1, ordered.count)).contains { place in
      identity.allSatisfy { $0.holdsEqualValues(ordered[place - 1], ordered[place]) }
    }
    guard hasTies else { return ordered }
    return order(by: names + fields.map(\.name).filter { !names.contains($0) })
  }

  /// Words that hold a prefix of a row's value above the row's number, in ascending order.
  private func packedOrder(_ prefixes: [UInt64]) -> (words: [UInt64], indexMask: UInt64) {
    let indexBits = UInt64(64 - UInt64(rowCount).leadingZeroBitCount)
    var least = UInt64.max
    var greatest: UInt64 = 0
    for prefix in prefixes {
      least = min(least, prefix)
      greatest = max(greatest, prefix)
    }
    let bits = UInt64(64 - (greatest - least).leadingZeroBitCount)
    // Bits that do not fit are left out: rows that agree in the others count as tied.
    let left = bits + indexBits > 64 ? bits + indexBits - 64 : 0
    var words = prefixes
    for row in words.indices {
      words[row] = ((prefixes[row] - least) >> left) << indexBits | UInt64(row)
    }
    radixSort(&words, from: indexBits, bits: bits - left)
    return (words, 1 << indexBits - 1)
  }
}

/// Sorts words by `bits` bits from `lowBit` up: least significant digit first, digits of at most 11
/// bits.
func radixSort(_ words: inout [UInt64], from lowBit: UInt64, bits: UInt64) {
  guard bits > 0 else { return }
  let passes = (bits + 10) / 11
  let width = (bits + passes - 1) / passes
  let mask: UInt64 = 1 << width - 1
  var target = words
  for pass in 0..<passes {
    let shift = lowBit + pass * width
    var places = [Int](repeating: 0, count: Int(mask) + 1)
    for word in words { places[Int(truncatingIfNeeded: word >> shift & mask)] &+= 1 }
    var start = 0
    for digit in places.indices {
      let count = places[digit]
      places[digit] = start
      start += count
    }
    for word in words {
      let digit = Int(truncatingIfNeeded: word >> shift & mask)
      let place = places[digit]
      target[place] = word
      places[digit] = place &+ 1
    }
    swap(&words, &target)
  }
}

extension Column {
  /// Numbers that never order two rows otherwise than their values do, `nil` for a column of which
  /// none are known or that has nulls.
  fileprivate func orderPrefixes() -> [UInt64]? {
    guard validity == nil else { return nil }
    switch storage {
    case .int64(let values): return values.map { UInt64(bitPattern: $0) ^ 1 << 63 }
    case .int32(let values): return values.map { UInt64(bitPattern: Int64($0)) ^ 1 << 63 }
    case .uuid(let identifiers):
      guard let codes = identifiers.codes else { return identifiers.values.map(\.high) }
      return codes.map { identifiers.values[Int($0)].high }
    default: return nil
    }
  }

  /// Whether two rows hold the same value, or both none.
  fileprivate func holdsEqualValues(_ left: Int, _ right: Int) -> Bool {
    guard isNull(left) == isNull(right) else { return false }
    if isNull(left) { return true }
    switch storage {
    case .int64(let values): return values[left] == values[right]
    case .uuid(let values): return values.row(left) == values.row(right)
    default: return value(left) == value(right)
    }
  }
}
