import Columns

/// Whole numbers of 64 bits that widen to 128 when the first one needs it.
struct WideningIntegers: Sendable {
  var narrow: [Int64] = []
  /// All numbers, once one did not fit 64 bits.
  private(set) var wide: [Int128]?

  subscript(index: Int) -> Int128 { wide.map { $0[index] } ?? Int128(narrow[index]) }

  mutating func reserveLarge(_ count: Int) { narrow.reserveLarge(count) }

  mutating func append(_ value: Int128) {
    if wide == nil, let value = Int64(exactly: value) {
      narrow.append(value)
      return
    }
    if wide == nil {
      wide = narrow.map { Int128($0) }
      narrow = []
    }
    wide?.append(value)
  }
}

/// Aggregated groups, ascending by company, event type, module and bucket.
///
/// Keys are codes of the state's dictionaries, so a run stays sorted when the dictionaries grow:
/// the order is that of the values, never that of the codes.
struct RollupRun: Sendable {
  /// Whether the users of the groups are kept; else only their number, and the run cannot be
  /// merged with another.
  let keepsUsers: Bool
  var companies: [UInt32] = []
  var eventTypes: [UInt32] = []
  var modules: [UInt32] = []
  /// Offsets from the first bucket of the interval.
  var buckets: [Int64] = []
  var eventCounts: [Int64] = []
  var uniqueUsers: [Int64] = []
  /// The distinct user codes of one group after the other, ascending within each.
  var users: [UInt32] = []
  var amountSums = WideningIntegers()
  var amountMinima = WideningIntegers()
  var amountMaxima = WideningIntegers()
  var hasAmount = ValidityBitmap(repeating: true, count: 0)
  var durationSums = WideningIntegers()
  var hasDuration = ValidityBitmap(repeating: true, count: 0)

  init(keepsUsers: Bool) {
    self.keepsUsers = keepsUsers
  }

  /// The number of groups.
  var count: Int { buckets.count }

  /// Makes room for `count` groups.
  mutating func reserveCapacity(_ count: Int) {
    companies.reserveLarge(count)
    eventTypes.reserveLarge(count)
    modules.reserveLarge(count)
    buckets.reserveLarge(count)
    eventCounts.reserveLarge(count)
    uniqueUsers.reserveLarge(count)
    if keepsUsers { users.reserveLarge(count) }
    amountSums.reserveLarge(count)
    amountMinima.reserveLarge(count)
    amountMaxima.reserveLarge(count)
    durationSums.reserveLarge(count)
  }

  /// Adds a group.
  mutating func append(_ key: GroupKey, _ values: GroupValues, users groupUsers: ArraySlice<UInt32>)
  {
    companies.append(key.company)
    eventTypes.append(key.eventType)
    modules.append(key.module)
    buckets.append(key.bucket)
    eventCounts.append(values.eventCount)
    uniqueUsers.append(values.uniqueUsers)
    if keepsUsers { users.append(contentsOf: groupUsers) }
    amountSums.append(values.amountSum)
    amountMinima.append(values.amountMinimum)
    amountMaxima.append(values.amountMaximum)
    hasAmount.append(values.hasAmount)
    durationSums.append(values.durationSum)
    hasDuration.append(values.hasDuration)
  }

  /// The key of a group.
  func key(of group: Int) -> GroupKey {
    GroupKey(
      company: companies[group], eventType: eventTypes[group], module: modules[group],
      bucket: buckets[group])
  }

  /// The values of a group.
  func values(of group: Int) -> GroupValues {
    GroupValues(
      eventCount: eventCounts[group], uniqueUsers: uniqueUsers[group],
      amountSum: amountSums[group], amountMinimum: amountMinima[group],
      amountMaximum: amountMaxima[group], hasAmount: hasAmount[group],
      durationSum: durationSums[group], hasDuration: hasDuration[group])
  }
}

/// The key of a group: codes of the state's dictionaries and the offset of the bucket.
struct GroupKey: Sendable {
  var company: UInt32
  var eventType: UInt32
  var module: UInt32
  var bucket: Int64
}

/// The values of one group; without an amount or a duration these are 0.
struct GroupValues: Sendable {
  var eventCount: Int64 = 0
  var uniqueUsers: Int64 = 0
  var amountSum: Int128 = 0
  var amountMinimum: Int128 = 0
  var amountMaximum: Int128 = 0
  var hasAmount = false
  var durationSum: Int128 = 0
  var hasDuration = false

  /// The values of the union of two groups that have `uniqueUsers` users together; `nil` where the
  /// sum of amounts exceeds 128 bits.
  func adding(_ other: GroupValues, uniqueUsers: Int) -> GroupValues? {
    var result = self
    let (sum, overflow) = amountSum.addingReportingOverflow(other.amountSum)
    if overflow { return nil }
    result.eventCount += other.eventCount
    result.uniqueUsers = Int64(uniqueUsers)
    result.amountSum = sum
    if !hasAmount {
      result.amountMinimum = other.amountMinimum
      result.amountMaximum = other.amountMaximum
    } else if other.hasAmount {
      result.amountMinimum = min(amountMinimum, other.amountMinimum)
      result.amountMaximum = max(amountMaximum, other.amountMaximum)
    }
    result.hasAmount = hasAmount || other.hasAmount
    result.durationSum += other.durationSum
    result.hasDuration = hasDuration || other.hasDuration
    return result
  }
}
