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
    unsafe keys.withUnsafeBufferPointer { keys in
      unsafe sort(&rows, by: shifts) { row in unsafe keys[Int(row)] }
    }
  }

  /// Sorts numbers, ascending.
  ///
  /// As much memory again is taken meanwhile; few numbers are sorted by comparisons.
  package static func sort(_ numbers: inout [UInt64]) {
    if numbers.count < digitCount {
      numbers.sort()
      return
    }
    unsafe sort(&numbers, by: digits(of: numbers)) { $0 }
  }

  /// Sorts numbers, ascending, and takes out repetitions; see ``sort(_:)``.
  package static func sortUnique(_ numbers: inout [UInt64]) {
    sort(&numbers)
    var kept = 0
    for index in numbers.indices where index == 0 || numbers[index] != numbers[kept - 1] {
      numbers[kept] = numbers[index]
      kept += 1
    }
    numbers.removeLast(numbers.count - kept)
  }

  /// Sorts by the digits, which begin at `shifts`, of the number that each element stands for.
  @inline(__always)
  @unsafe private static func sort<Element>(
    _ elements: inout [Element], by shifts: [UInt64], number: (Element) -> UInt64
  ) {
    if shifts.isEmpty { return }
    var source = elements
    elements = []
    var target = source
    for shift in shifts {
      unsafe pass(source, shift, to: &target, number: number)
      swap(&source, &target)
    }
    elements = source
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

  /// Sorts by one digit of the number that each element stands for; `target` has as many as `source`.
  @inline(__always)
  @unsafe private static func pass<Element>(
    _ source: [Element], _ shift: UInt64, to target: inout [Element], number: (Element) -> UInt64
  ) {
    let mask = UInt64(digitCount - 1)
    unsafe withUnsafeTemporaryAllocation(of: Int.self, capacity: digitCount) { places in
      unsafe places.initialize(repeating: 0)
      unsafe source.withUnsafeBufferPointer { source in
        for position in 0..<source.count {
          unsafe places[Int(number(source[position]) &>> shift & mask)] += 1
        }
        var start = 0
        for digit in 0..<digitCount {
          let count = unsafe places[digit]
          unsafe places[digit] = start
          start += count
        }
        unsafe target.withUnsafeMutableBufferPointer { target in
          for position in 0..<source.count {
            let element = unsafe source[position]
            let digit = Int(number(element) &>> shift & mask)
            unsafe target[places[digit]] = element
            unsafe places[digit] += 1
          }
        }
      }
    }
  }
}
