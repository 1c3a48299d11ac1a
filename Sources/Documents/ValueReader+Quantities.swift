package import AlmanacCore

extension ValueReader where Value == Int {
  /// A whole number in a range.
  package static func integer(in range: ClosedRange<Int>) -> ValueReader {
    .scalar("a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
      guard let value = plainNumber(text).flatMap({ Int($0) }), range.contains(value) else {
        return nil
      }
      return value
    }
  }
}

extension ValueReader where Value == Double {
  /// A finite number in a range, written as decimal digits with an optional exponent.
  package static func number(in range: ClosedRange<Double>) -> ValueReader {
    .scalar("a number from \(range.lowerBound) to \(range.upperBound)") { text in
      guard let value = plainNumber(text).flatMap({ Double($0) }), range.contains(value) else {
        return nil
      }
      return value
    }
  }

  /// A percentage from 0 to 100 such as `0.1%`, as a share from 0 to 1.
  package static var percentage: ValueReader {
    .scalar("a percentage such as 0.1%") { text in
      guard text.hasSuffix("%"), let value = plainNumber(text.dropLast()).flatMap({ Double($0) }),
        (0...100).contains(value)
      else { return nil }
      return value / 100
    }
  }
}

extension ValueReader where Value == CalendarDate {
  /// A day such as `2026-01-31`.
  package static var date: ValueReader<CalendarDate> {
    .scalar("a date such as 2026-01-31") { CalendarDate($0) }
  }
}

extension ValueReader where Value == Duration {
  /// A length of time: a whole number and `d`, `h`, `m` or `s`, such as `26h`; at most ten years.
  package static var duration: ValueReader {
    .scalar("a length of time such as 7d, 26h, 10m or 30s") { text in
      let units: [Character: Int] = ["d": 86_400, "h": 3_600, "m": 60, "s": 1]
      guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()),
        plainNumber(text.dropLast()) != nil, (0...(3_653 * 86_400 / unit)).contains(count)
      else { return nil }
      return .seconds(count * unit)
    }
  }
}

/// The text if it has only the characters of a decimal number, so that neither `nan`, `0x10` nor
/// spaces pass.
private func plainNumber(_ text: some StringProtocol) -> String? {
  let allowed = Set("+-.0123456789eE".utf8)
  return !text.isEmpty && text.utf8.allSatisfy(allowed.contains) ? String(text) : nil
}
