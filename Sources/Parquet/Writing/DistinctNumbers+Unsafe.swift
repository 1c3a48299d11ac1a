import Columns
import Glibc

/// Numbers as codes of their distinct values.
enum DistinctNumbers {
  /// Codes in order of first appearance.
  struct Coded<Number> {
    var codes: [UInt32]
    var entries: [Number]
    /// The bits of a code.
    var width: Int { codeWidth(entryCount: entries.count) }
  }

  /// More entries than this are not looked for: their table would not fit the cache.
  private static let maximumEntries = 1 << 16
  private static let sampleSize = 1024

  /// Codes if they are smaller than the numbers are otherwise, at `bitsOtherwise` bits each.
  static func codes(of numbers: ArraySlice<Int32>, bitsOtherwise: Double) -> Coded<Int32>? {
    coded(numbers, bitsOtherwise) { UInt64(UInt32(bitPattern: $0)) }
  }

  /// Codes if they are smaller than the numbers are otherwise, at `bitsOtherwise` bits each.
  static func codes(of numbers: ArraySlice<Int64>, bitsOtherwise: Double) -> Coded<Int64>? {
    coded(numbers, bitsOtherwise) { UInt64(bitPattern: $0) }
  }

  /// Codes if they are smaller than the numbers are otherwise; numbers of different bits differ.
  static func codes(of numbers: ArraySlice<Float>, bitsOtherwise: Double) -> Coded<Float>? {
    coded(numbers, bitsOtherwise) { UInt64($0.bitPattern) }
  }

  /// Codes if they are smaller than the numbers are otherwise; numbers of different bits differ.
  static func codes(of numbers: ArraySlice<Double>, bitsOtherwise: Double) -> Coded<Double>? {
    coded(numbers, bitsOtherwise) { $0.bitPattern }
  }

  @inline(__always)
  private static func coded<Number: BitwiseCopyable>(
    _ numbers: ArraySlice<Number>, _ bitsOtherwise: Double, _ key: (Number) -> UInt64
  ) -> Coded<Number>? {
    let count = numbers.count
    // An entry costs its own size: there must be few enough of them.
    let entryBits = Double(MemoryLayout<Number>.size * 8)
    let limit = min(maximumEntries, Int(Double(count) * bitsOtherwise / entryBits))
    if limit == 0 || bitsOtherwise <= 1 { return nil }
    var sample: Set<UInt64> = []
    let step = max(1, count / sampleSize)
    var sampled = 0
    for index in stride(from: numbers.startIndex, to: numbers.endIndex, by: step) {
      sample.insert(key(numbers[index]))
      sampled += 1
    }
    if count > sampleSize && sample.count > sampled * 7 / 8 { return nil }
    let capacity = max(16, (limit * 2).nextPowerOfTwo)
    let shift = UInt64(64 - capacity.trailingZeroBitCount)
    var slots = [UInt32](repeating: .max, count: capacity)
    var entries: [Number] = []
    var keys: [UInt64] = []
    var overflows = false
    let codes = unsafe [UInt32](unsafeUninitializedCapacity: count) { target, written in
      unsafe slots.withUnsafeMutableBufferPointer { slots in
        for number in numbers {
          let wanted = key(number)
          // Fibonacci hashing; the table is at most half full, so each search ends.
          var slot = Int((wanted &* 0x9E37_79B9_7F4A_7C15) &>> shift)
          while true {
            let code = unsafe slots[slot]
            if code == .max {
              if entries.count == limit {
                overflows = true
                return
              }
              unsafe slots[slot] = UInt32(entries.count)
              unsafe target[written] = UInt32(entries.count)
              entries.append(number)
              keys.append(wanted)
              break
            }
            if keys[Int(code)] == wanted {
              unsafe target[written] = code
              break
            }
            slot = (slot + 1) & (capacity - 1)
          }
          written += 1
        }
      }
    }
    if overflows { return nil }
    let result = Coded(codes: codes, entries: entries)
    let bits = Double(result.width * count) + Double(entries.count) * entryBits
    return bits < bitsOtherwise * Double(count) ? result : nil
  }
}

extension Int {
  /// The least power of two that is not smaller.
  fileprivate var nextPowerOfTwo: Int {
    self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
  }
}

extension TextStorage {
  /// Whether an entry comes before another in the order of their unsigned bytes.
  func precedes(_ left: Int, _ right: Int) -> Bool {
    let leftRange = offsets[left]..<offsets[left + 1]
    let rightRange = offsets[right]..<offsets[right + 1]
    let common = min(leftRange.count, rightRange.count)
    precondition(
      max(leftRange.upperBound, rightRange.upperBound) <= bytes.count, "entries out of bounds")
    let order = unsafe bytes.withUnsafeBufferPointer { bytes -> Int32 in
      guard let base = bytes.baseAddress else { return 0 }
      return unsafe memcmp(base + leftRange.lowerBound, base + rightRange.lowerBound, common)
    }
    return order != 0 ? order < 0 : leftRange.count < rightRange.count
  }
}
