import AlmanacCore
import Columns

/// A check that looks at one row at a time, ready to be applied to columns.
struct RowRule: Sendable {
  /// What a value has to be.
  enum Test: Sendable {
    /// There.
    case present
    /// One of these texts.
    case oneOf(Set<[UInt8]>)
    /// Within limits, in the units of the storage.
    case units(minimum: Int128?, maximum: Int128?)
    /// Within limits, of a floating-point column.
    case numbers(minimum: Double?, maximum: Double?)
  }

  /// The check.
  let check: DatasetCheck
  /// The column it looks at.
  let column: String
  /// What a value has to be; a missing value passes all but ``Test/present``.
  let test: Test

  /// The rule of a check, or `nil` where it is none about single rows.
  ///
  /// `cut` is the instant of the extraction.
  init?(_ check: DatasetCheck, cut: Timestamp) {
    self.check = check
    switch check.rule {
    case .notNull(let column):
      self.column = column
      test = .present
    case .acceptedValues(let column, let values):
      self.column = column
      test = .oneOf(Set(values.map { Array($0.utf8) }))
    case .knownEventTypes(let column):
      self.column = column
      test = .oneOf(RowRule.knownEventTypes)
    case .range(let column, let minimum, let maximum):
      self.column = column
      if case .float? = (minimum ?? maximum)?.value {
        test = .numbers(minimum: minimum?.number, maximum: maximum?.number)
      } else {
        test = .units(minimum: minimum?.units, maximum: maximum?.units)
      }
    case .notInFuture(let column, let tolerance):
      self.column = column
      test = .units(
        minimum: nil,
        maximum: Int128(cut.microseconds) + Int128(tolerance.components.seconds) * 1_000_000)
    case .unique, .foreignKey, .maximumBad, .freshness, .minimumRows, .matchesSource: return nil
    }
  }

  /// What a row's passing depends on besides the row.
  ///
  /// The cut is not in it: a row that was not dated after an earlier one is not after a later one.
  var digestText: String {
    switch check.rule {
    case .notInFuture(_, let tolerance): "\(check.name) \(tolerance.components.seconds)"
    default:
      if case .oneOf(let accepted) = test {
        check.name + " "
          + accepted.map { JSONText.quoted(String(decoding: $0, as: UTF8.self)) }.sorted()
          .joined(separator: ",")
      } else {
        check.name
      }
    }
  }

  /// The rows of a batch that break the rule, in order.
  func badRows(in batch: Batch) -> [Int] {
    guard let column = batch[column] else { return [] }
    switch test {
    case .present:
      return column.validity == nil ? [] : (0..<column.rowCount).filter { column.isNull($0) }
    case .oneOf(let accepted):
      guard case .text(let storage) = column.storage else { return [] }
      let isAccepted = (0..<storage.entryCount).map { accepted.contains(Array(storage.entry($0))) }
      if !isAccepted.contains(false) { return [] }
      return (0..<column.rowCount).filter { row in
        !column.isNull(row) && !isAccepted[storage.codes.map { Int($0[row]) } ?? row]
      }
    case .units(let minimum, let maximum):
      return RowRule.rows(column, outside: minimum, maximum)
    case .numbers(let minimum, let maximum):
      return (0..<column.rowCount).filter { row in
        guard case .float(let value)? = column.value(row) else { return false }
        return value < minimum ?? -.infinity || value > maximum ?? .infinity
      }
    }
  }

  /// The rows with a value outside limits.
  private static func rows(_ column: Column, outside minimum: Int128?, _ maximum: Int128?) -> [Int]
  {
    let lowest = minimum ?? .min
    let highest = maximum ?? .max
    func filter<Value: FixedWidthInteger>(_ values: [Value]) -> [Int] {
      // Limits beyond the type leave no value outside, or every one.
      let low = Value(clamping: lowest)
      let high = Value(clamping: highest)
      let isEmpty = lowest > Int128(Value.max) || highest < Int128(Value.min)
      return values.indices.filter { row in
        (isEmpty || values[row] < low || values[row] > high) && !column.isNull(row)
      }
    }
    switch column.storage {
    case .int32(let values): return filter(values)
    case .int64(let values): return filter(values)
    case .int128(let values): return filter(values)
    default: return []
    }
  }
}

extension DatasetCheck.Limit {
  /// The limit as the units of integers, days or microseconds.
  fileprivate var units: Int128? {
    switch value {
    case .integer(let units): units
    case .date(let date): Int128(date.daysSinceEpoch)
    case .timestamp(let instant): Int128(instant.microseconds)
    default: nil
    }
  }

  /// The limit as a floating-point number.
  fileprivate var number: Double? {
    if case .float(let number) = value { number } else { nil }
  }
}
