/// The result of reading PostgreSQL's `numeric` as whole units of `10^-scale`.
struct DecodedNumeric {
  /// How the value relates to what was written.
  enum Outcome {
    /// `units` is the value.
    case exact
    /// `units` is the value rounded half-even.
    case rounded
    /// The value does not fit 64 bits; it is in `wide`, exact or rounded.
    case wide(Int128, rounded: Bool)
    /// There is no such value.
    case problem(ValueFailure.Problem)
  }

  var units: Int64
  var outcome: Outcome
}

/// How digits of base 10,000 are cut at a decimal scale.
struct NumericScale {
  /// Digits of base 10,000 behind the point that are needed.
  let fractionDigits: Int
  /// What the last needed digit is divided by.
  let divisor: UInt64
  /// How many units one of the last digit but one is worth.
  let multiplier: UInt64

  /// The cut for a scale of 0 to 38.
  init(_ scale: Int) {
    precondition((0...38).contains(scale), "a scale of \(scale); it must be 0 to 38")
    fractionDigits = (scale + 3) / 4
    let powers: [UInt64] = [1, 10, 100, 1000, 10_000]
    divisor = powers[fractionDigits * 4 - scale]
    multiplier = 10_000 / divisor
  }
}

private let positiveSign: UInt64 = 0x0000
private let negativeSign: UInt64 = 0x4000

/// Reads a `numeric` of `length` bytes: count, weight, sign, display scale, then digits in base
/// 10,000, each two bytes, most significant first.
@inline(__always)
func decodeNumeric(_ start: UnsafeRawPointer, length: Int, scale: NumericScale) -> DecodedNumeric {
  guard length >= 8 else { return DecodedNumeric(units: 0, outcome: .problem(.malformed)) }
  let header = unsafe UInt64(bigEndian: start.loadUnaligned(as: UInt64.self))
  let count = Int(header >> 48)
  let weight = Int(Int16(truncatingIfNeeded: header >> 32))
  let sign = header >> 16 & 0xFFFF
  let needed = weight + 1 + scale.fractionDigits
  // The common case: nothing to drop below the last needed digit, and below 10^16 units.
  if length == 8 + 2 * count, needed >= count, needed <= 4, needed > 0,
    sign == positiveSign || sign == negativeSign
  {
    var value: UInt64 = 0
    var last: UInt64 = 0
    for position in 0..<needed {
      value = value &* 10_000 &+ last
      last =
        position < count
        ? unsafe UInt64(
          UInt16(bigEndian: (start + (8 + 2 * position)).loadUnaligned(as: UInt16.self)))
        : 0
      if last >= 10_000 { return DecodedNumeric(units: 0, outcome: .problem(.malformed)) }
    }
    if scale.divisor == 1 {
      let units = Int64(truncatingIfNeeded: value &* 10_000 &+ last)
      return DecodedNumeric(units: sign == negativeSign ? -units : units, outcome: .exact)
    }
    if last % scale.divisor == 0 {
      let units = Int64(truncatingIfNeeded: value &* scale.multiplier &+ last / scale.divisor)
      return DecodedNumeric(units: sign == negativeSign ? -units : units, outcome: .exact)
    }
  }
  return unsafe decodeAnyNumeric(start, length: length, scale: scale)
}

/// Reads a `numeric` of any size, rounding half-even.
@inline(never)
private func decodeAnyNumeric(
  _ start: UnsafeRawPointer, length: Int, scale: NumericScale
) -> DecodedNumeric {
  let digits: NumericDigits
  switch unsafe NumericDigits.read(start, length: length) {
  case .success(let found): digits = found
  case .failure(let problem):
    return DecodedNumeric(units: 0, outcome: .problem(problem.problem))
  }
  let needed = digits.weight + 1 + scale.fractionDigits
  var value: UInt128 = 0
  var overflow = false
  if needed > 1, !digits.isZero {
    for position in 0..<(needed - 1) {
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10_000)
      let (sum, carried) = product.addingReportingOverflow(UInt128(digits[position]))
      if tooLarge || carried {
        overflow = true
        break
      }
      value = sum
    }
  }
  let last = needed > 0 ? digits[needed - 1] : 0
  let (product, tooLarge) = value.multipliedReportingOverflow(by: UInt128(scale.multiplier))
  let (sum, carried) = product.addingReportingOverflow(UInt128(last / scale.divisor))
  guard !overflow, !tooLarge, !carried else {
    return DecodedNumeric(units: 0, outcome: .problem(.outOfRange))
  }
  // What is dropped: a part of the last needed digit, the digit after it, and any beyond.
  let part = last % scale.divisor
  let next = needed >= 0 ? digits[needed] : 0
  let beyond = digits.hasNonzero(from: max(0, needed + 1)) || needed < 0 && !digits.isZero
  let isInexact = part != 0 || next != 0 || beyond
  let comparison: Int
  if scale.divisor > 1 {
    let half = scale.divisor / 2
    comparison = part > half || part == half && (next != 0 || beyond) ? 1 : part == half ? 0 : -1
  } else {
    comparison = next > 5000 || next == 5000 && beyond ? 1 : next == 5000 ? 0 : -1
  }
  let (magnitude, rollover) = sum.addingReportingOverflow(
    comparison > 0 || comparison == 0 && sum & 1 == 1 ? 1 : 0)
  guard !rollover, let positive = Int128(exactly: magnitude) else {
    return DecodedNumeric(units: 0, outcome: .problem(.outOfRange))
  }
  let signed = digits.isNegative ? -positive : positive
  guard let units = Int64(exactly: signed) else {
    return DecodedNumeric(units: 0, outcome: .wide(signed, rounded: isInexact))
  }
  return DecodedNumeric(units: units, outcome: isInexact ? .rounded : .exact)
}

/// Reads a `numeric` as the nearest floating-point number, or tells why there is none.
func decodeNumericAsDouble(
  _ start: UnsafeRawPointer, length: Int
) -> Result<Double, NumericProblem> {
  let digits: NumericDigits
  switch unsafe NumericDigits.read(start, length: length) {
  case .success(let found): digits = found
  case .failure(let problem): return .failure(problem)
  }
  if digits.isZero { return .success(0) }
  let exponent = 4 * (digits.weight - digits.count + 1)
  var nearest: Double
  if digits.count <= 3, abs(exponent) <= 20 {
    // Number and power of ten are exact doubles, so one division or product rounds only once.
    var mantissa = 0
    for position in 0..<digits.count {
      mantissa = mantissa * 10_000 + Int(digits[position])
    }
    var power = 1.0
    for _ in 0..<abs(exponent) { power *= 10 }
    nearest = exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
  } else {
    var text = ""
    for position in 0..<digits.count {
      let digit = String(digits[position])
      text += String(repeating: "0", count: 4 - digit.utf8.count) + digit
    }
    guard let parsed = Double("\(text)e\(exponent)"), parsed.isFinite else {
      return .failure(NumericProblem(problem: .outOfRange))
    }
    nearest = parsed
  }
  if digits.isNegative { nearest.negate() }
  return .success(nearest)
}

/// A `numeric` as PostgreSQL prints it, or `nil` if the bytes are no number of up to 128 bits of
/// its own display scale.
func decimalText(_ bytes: [UInt8]) -> String? {
  guard bytes.count >= 8, bytes[6] == 0, bytes[7] <= 38 else { return nil }
  let scale = Int(bytes[7])
  let decoded = unsafe bytes.withUnsafeBytes { buffer in
    unsafe buffer.baseAddress.map {
      unsafe decodeNumeric($0, length: buffer.count, scale: NumericScale(scale))
    }
  }
  let units: Int128
  switch decoded?.outcome {
  case .exact: units = Int128(decoded?.units ?? 0)
  case .wide(let wide, rounded: false): units = wide
  default: return nil
  }
  var digits = String(units.magnitude)
  digits = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
  let point = digits.index(digits.endIndex, offsetBy: -scale)
  return (units < 0 ? "-" : "") + digits[..<point] + (scale > 0 ? "." : "") + digits[point...]
}

/// Why the bytes of a `numeric` give no number.
struct NumericProblem: Error {
  let problem: ValueFailure.Problem
}

/// The digits of a `numeric` in base 10,000, all known to be in range.
///
/// The initialiser is private, so every value has passed the checks of ``read(_:length:)``.
@safe
private struct NumericDigits {
  let count: Int
  /// The power of 10,000 of the first digit.
  let weight: Int
  let isNegative: Bool
  private let start: UnsafeRawPointer

  private init(count: Int, weight: Int, isNegative: Bool, start: UnsafeRawPointer) {
    self.count = count
    self.weight = weight
    self.isNegative = isNegative
    unsafe self.start = start
  }

  /// Reads and checks the header and the digits.
  static func read(
    _ start: UnsafeRawPointer, length: Int
  ) -> Result<NumericDigits, NumericProblem> {
    guard length >= 8 else { return .failure(NumericProblem(problem: .malformed)) }
    let header = unsafe UInt64(bigEndian: start.loadUnaligned(as: UInt64.self))
    let sign = header >> 16 & 0xFFFF
    let digits = unsafe NumericDigits(
      count: Int(header >> 48), weight: Int(Int16(truncatingIfNeeded: header >> 32)),
      isNegative: sign == negativeSign, start: start)
    guard length == 8 + 2 * digits.count else {
      return .failure(NumericProblem(problem: .malformed))
    }
    switch sign {
    case positiveSign, negativeSign: break
    case 0xC000: return .failure(NumericProblem(problem: .notANumber))
    case 0xD000, 0xF000: return .failure(NumericProblem(problem: .infinite))
    default: return .failure(NumericProblem(problem: .malformed))
    }
    for position in 0..<digits.count where digits[position] >= 10_000 {
      return .failure(NumericProblem(problem: .malformed))
    }
    return .success(digits)
  }

  /// The digit at a position counted from the most significant one; 0 past the last.
  subscript(position: Int) -> UInt64 {
    guard position < count else { return 0 }
    return unsafe UInt64(
      UInt16(bigEndian: (start + (8 + 2 * position)).loadUnaligned(as: UInt16.self)))
  }

  /// Whether every digit is zero.
  var isZero: Bool { !hasNonzero(from: 0) }

  /// Whether any digit at or after a position is not zero.
  func hasNonzero(from position: Int) -> Bool {
    var position = position
    while position < count {
      if self[position] != 0 { return true }
      position += 1
    }
    return false
  }
}
