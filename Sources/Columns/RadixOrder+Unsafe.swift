/// Sorts rows by whole numbers, or such numbers, in time linear in them.
package enum RadixOrder {
  private static let digitBits: UInt64 = 11
  private static let digitCount = 1 << 11

  /// Sorts rows by their keys, keeping the order of equals: a radix sort over digits of 11 bits,
  /// of which those are left out that are the same in all keys.
  ///
  /// Every row must have a key.
  static func sort(_ rows: inout [UInt32], by keys: [UInt64]) {
    precondition(rows.allSatisfy { Int($0) < keys.count }, "a row without a key")
    let shifts = digits(of: keys)
    if shifts.isEmpty { return }
    var source = rows
    var target = rows
    for shift in shifts {
      unsafe pass(source, by: keys, shift, to: &target)
      swap(&source, &target)
    }
    rows = source
  }

  /// Sorts numbers, ascending.
  ///
  /// As much memory again is taken meanwhile; few numbers are sorted by comparisons.
  package static func sort(_ numbers: inout [UInt64]) {
    if numbers.count < digitCount {
      numbers.sort()
      return
    }
    let shifts = digits(of: numbers)
    if shifts.isEmpty { return }
    var source = numbers
    numbers = []
    var target = source
    for shift in shifts {
      unsafe pass(source, shift, to: &target)
      swap(&source, &target)
    }
    numbers = source
  }

  /// Where the digits begin that are not the same in all numbers, the lowest first.
  private static func digits(of numbers: [UInt64]) -> [UInt64] {
    let common = numbers.first ?? 0
    let varying = numbers.reduce(0) { $0 | ($1 ^ common) }
    var shifts: [UInt64] = []
    var shift = UInt64(varying.trailingZeroBitCount)
    while shift < 64, varying >> shift != 0 {
      if varying >> shift & UInt64(digitCount - 1) != 0 { shifts.append(shift) }
      shift += digitBits
    }
    return shifts
  }

  /// Sorts rows by one digit; every row has a key, and `target` as many rows as `source`.
  @unsafe private static func pass(
    _ source: [UInt32], by keys: [UInt64], _ shift: UInt64, to target: inout [UInt32]
  ) {
    let mask = UInt64(digitCount - 1)
    unsafe withUnsafeTemporaryAllocation(of: Int.self, capacity: digitCount) { places in
      unsafe places.initialize(repeating: 0)
      unsafe keys.withUnsafeBufferPointer { keys in
        unsafe source.withUnsafeBufferPointer { source in
          for position in 0..<source.count {
            let key = unsafe keys[Int(source[position])]
            unsafe places[Int(key &>> shift & mask)] += 1
          }
          var start = 0
          for digit in 0..<digitCount {
            let count = unsafe places[digit]
            unsafe places[digit] = start
            start += count
          }
          unsafe target.withUnsafeMutableBufferPointer { target in
            for position in 0..<source.count {
              let row = unsafe source[position]
              let digit = unsafe Int(keys[Int(row)] &>> shift & mask)
              unsafe target[places[digit]] = row
              unsafe places[digit] += 1
            }
          }
        }
      }
    }
  }

  /// Sorts numbers by one digit; `target` has as many as `source`.
  @unsafe private static func pass(
    _ source: [UInt64], _ shift: UInt64, to target: inout [UInt64]
  ) {
    let mask = UInt64(digitCount - 1)
    unsafe withUnsafeTemporaryAllocation(of: Int.self, capacity: digitCount) { places in
      unsafe places.initialize(repeating: 0)
      unsafe source.withUnsafeBufferPointer { source in
        for position in 0..<source.count {
          unsafe places[Int(source[position] &>> shift & mask)] += 1
        }
        var start = 0
        for digit in 0..<digitCount {
          let count = unsafe places[digit]
          unsafe places[digit] = start
          start += count
        }
        unsafe target.withUnsafeMutableBufferPointer { target in
          for position in 0..<source.count {
            let number = unsafe source[position]
            let digit = Int(number &>> shift & mask)
            unsafe target[places[digit]] = number
            unsafe places[digit] += 1
          }
        }
      }
    }
  }
}
