import Columns

/// Whole numbers of 64 bits that widen to 128 when the first one needs it.
struct WideningIntegers: Sendable {
  private(set) var narrow: [Int64] = []
  /// All numbers, once one did not fit 64 bits.
  private(set) var wide: [Int128]?

  subscript(index: Int) -> Int128 { wide.map { $0[index] } ?? Int128(narrow[index]) }

  mutating func reserveCapacity(_ count: Int) { narrow.reserveCapacity(count) }

  @inline(__always)
  mutating func append(_ value: Int128) {
    if wide == nil, let value = Int64(exactly: value) {
      narrow.append(value)
    } else {
      appendWide(value)
    }
  }

  @inline(never)
  private mutating func appendWide(_ value: Int128) {
    if wide == nil {
      wide = narrow.map { Int128($0) }
      narrow = []
    }
    wide?.append(value)
  }
}

/// The position of a group in the order of the result, comparable across runs of one state.
struct GroupPosition: Comparable {
  var upper: UInt64
  var lower: UInt64

  static func < (left: GroupPosition, right: GroupPosition) -> Bool {
    left.upper != right.upper ? left.upper < right.upper : left.lower < right.lower
  }
}

/// Aggregated groups, ascending by company, event type, module and bucket.
///
/// Keys are codes of the state's dictionaries, so a run stays sorted when the dictionaries grow:
/// the order is that of the values, never that of the codes.
struct RollupRun: Sendable {
  private(set) var companies: [UInt32] = []
  private(set) var eventTypes: [UInt32] = []
  private(set) var modules: [UInt32] = []
  private(set) var buckets: [UInt32] = []
  private(set) var eventCounts: [Int64] = []
  /// Where the users of each group end in ``users``; they begin where those before end.
  private(set) var userEnds: [Int] = []
  /// Distinct user codes, ascending within a group.
  private(set) var users: [UInt32] = []
  private(set) var amountSums = WideningIntegers()
  private(set) var amountMinima = WideningIntegers()
  private(set) var amountMaxima = WideningIntegers()
  private(set) var hasAmount = ValidityBitmap(repeating: true, count: 0)
  private(set) var durationSums = WideningIntegers()
  private(set) var hasDuration = ValidityBitmap(repeating: true, count: 0)

  /// The number of groups.
  var count: Int { buckets.count }

  /// Makes room for `count` groups.
  mutating func reserveCapacity(_ count: Int) {
    companies.reserveCapacity(count)
    eventTypes.reserveCapacity(count)
    modules.reserveCapacity(count)
    buckets.reserveCapacity(count)
    eventCounts.reserveCapacity(count)
    userEnds.reserveCapacity(count)
    users.reserveCapacity(count)
    amountSums.reserveCapacity(count)
    amountMinima.reserveCapacity(count)
    amountMaxima.reserveCapacity(count)
    durationSums.reserveCapacity(count)
  }

  /// Adds the key of a group; its users and values follow.
  @inline(__always)
  mutating func appendKey(company: UInt32, eventType: UInt32, module: UInt32, bucket: UInt32) {
    companies.append(company)
    eventTypes.append(eventType)
    modules.append(module)
    buckets.append(bucket)
  }

  /// Adds a user to the last group; users come ascending and each once.
  @inline(__always)
  mutating func appendUser(_ user: UInt32) { users.append(user) }

  /// Adds the distinct users of a list to the last group; the list is used up as scratch space.
  mutating func appendUsers(_ list: inout [UInt32]) {
    if list.count == 2 {
      if list[0] > list[1] { list.swapAt(0, 1) }
    } else {
      list.sort()
    }
    for (index, user) in list.enumerated() where index == 0 || user != list[index - 1] {
      users.append(user)
    }
  }

  /// Ends the last group's users and adds its values.
  @inline(__always)
  mutating func appendValues(_ values: GroupValues) {
    userEnds.append(users.count)
    eventCounts.append(values.eventCount)
    amountSums.append(values.amountSum)
    amountMinima.append(values.amountMinimum)
    amountMaxima.append(values.amountMaximum)
    hasAmount.append(values.hasAmount)
    durationSums.append(values.durationSum)
    hasDuration.append(values.hasDuration)
  }

  /// The users of a group.
  func users(of group: Int) -> ArraySlice<UInt32> {
    users[(group == 0 ? 0 : userEnds[group - 1])..<userEnds[group]]
  }

  /// The values of a group.
  func values(of group: Int) -> GroupValues {
    GroupValues(
      eventCount: eventCounts[group], amountSum: amountSums[group],
      amountMinimum: amountMinima[group], amountMaximum: amountMaxima[group],
      hasAmount: hasAmount[group], durationSum: durationSums[group],
      hasDuration: hasDuration[group])
  }
}

/// The values of one group besides its users; without an amount or duration these are 0.
struct GroupValues: Sendable {
  var eventCount: Int64 = 0
  var amountSum: Int128 = 0
  var amountMinimum: Int128 = 0
  var amountMaximum: Int128 = 0
  var hasAmount = false
  var durationSum: Int128 = 0
  var hasDuration = false

  /// The values of the union of two groups; traps never, `nil` where the sum exceeds 128 bits.
  func adding(_ other: GroupValues) -> GroupValues? {
    var result = self
    let (sum, overflow) = amountSum.addingReportingOverflow(other.amountSum)
    if overflow { return nil }
    result.eventCount += other.eventCount
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
