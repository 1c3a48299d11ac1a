import Columns

/// A few groups whose values fit 64 bits, gathered before they are added to a run in one go.
///
/// Every place written lies below `capacity`: groups are only added where there is room.
@safe
struct GroupBlock: ~Copyable {
  /// The most groups a block holds: as many as stay in the first-level cache.
  static let capacity = 256

  private(set) var count = 0
  fileprivate let codes: UnsafeMutablePointer<UInt32>
  fileprivate let numbers: UnsafeMutablePointer<Int64>
  /// One bit a group for its amount, then one for its duration.
  fileprivate let flags: UnsafeMutablePointer<UInt64>
  /// The distinct users of the groups, one group after the other.
  var users: [UInt32] = []

  /// The columns of 32 bits: company, event type, module.
  fileprivate static let codeColumns = 3
  /// The columns of 64 bits: bucket, events, users, sum, least and greatest amount, duration.
  fileprivate static let numberColumns = 7
  private static let words = capacity / 64

  init() {
    unsafe codes = .allocate(capacity: GroupBlock.codeColumns * GroupBlock.capacity)
    unsafe numbers = .allocate(capacity: GroupBlock.numberColumns * GroupBlock.capacity)
    unsafe flags = .allocate(capacity: 2 * GroupBlock.words)
    unsafe flags.initialize(repeating: 0, count: 2 * GroupBlock.words)
  }

  deinit {
    unsafe codes.deallocate()
    unsafe numbers.deallocate()
    unsafe flags.deallocate()
  }

  /// Whether there is room for another group.
  var isFull: Bool { count == GroupBlock.capacity }

  /// Adds a group if its values fit 64 bits.
  @inline(__always)
  mutating func append(_ key: GroupKey, _ values: GroupValues) -> Bool {
    guard let sum = Int64(exactly: values.amountSum),
      let minimum = Int64(exactly: values.amountMinimum),
      let maximum = Int64(exactly: values.amountMaximum),
      let duration = Int64(exactly: values.durationSum)
    else { return false }
    append(
      key, events: values.eventCount, users: values.uniqueUsers, sum: sum, minimum: minimum,
      maximum: maximum, duration: duration, hasAmount: values.hasAmount,
      hasDuration: values.hasDuration)
    return true
  }

  /// Adds a group.
  @inline(__always)
  mutating func append(
    _ key: GroupKey, events: Int64, users: Int64, sum: Int64, minimum: Int64, maximum: Int64,
    duration: Int64, hasAmount: Bool, hasDuration: Bool
  ) {
    let group = count
    precondition(group < GroupBlock.capacity, "the block is full")
    let code = unsafe codes + group
    unsafe code[0] = key.company
    unsafe code[GroupBlock.capacity] = key.eventType
    unsafe code[2 * GroupBlock.capacity] = key.module
    let number = unsafe numbers + group
    unsafe number[0] = key.bucket
    unsafe number[GroupBlock.capacity] = events
    unsafe number[2 * GroupBlock.capacity] = users
    unsafe number[3 * GroupBlock.capacity] = sum
    unsafe number[4 * GroupBlock.capacity] = minimum
    unsafe number[5 * GroupBlock.capacity] = maximum
    unsafe number[6 * GroupBlock.capacity] = duration
    let bit = UInt64(group & 63)
    unsafe flags[group >> 6] |= (hasAmount ? 1 : 0) << bit
    unsafe flags[GroupBlock.words + group >> 6] |= (hasDuration ? 1 : 0) << bit
    count = group + 1
  }

  /// Forgets the groups.
  mutating func removeAll() {
    count = 0
    unsafe flags.update(repeating: 0, count: 2 * GroupBlock.words)
    users.removeAll(keepingCapacity: true)
  }

  /// Gives a column of 32 bits.
  func withCodes(_ column: Int, _ body: (UnsafeBufferPointer<UInt32>) -> Void) {
    precondition(column < GroupBlock.codeColumns, "column \(column) of codes")
    unsafe body(UnsafeBufferPointer(start: codes + column * GroupBlock.capacity, count: count))
  }

  /// Gives a column of 64 bits.
  func withNumbers(_ column: Int, _ body: (UnsafeBufferPointer<Int64>) -> Void) {
    precondition(column < GroupBlock.numberColumns, "column \(column) of numbers")
    unsafe body(UnsafeBufferPointer(start: numbers + column * GroupBlock.capacity, count: count))
  }

  /// The bits of 64 groups: of kind 0 those with an amount, of kind 1 those with a duration.
  func bits(_ kind: Int, word: Int) -> UInt64 {
    precondition(kind < 2 && word < GroupBlock.words, "word \(word) of kind \(kind)")
    return unsafe flags[kind * GroupBlock.words + word]
  }
}

extension WideningIntegers {
  /// Adds numbers of 64 bits at the end.
  mutating func append(contentsOf values: UnsafeBufferPointer<Int64>) {
    if wide == nil {
      unsafe narrow.append(contentsOf: values)
    } else {
      for index in values.indices { append(Int128(unsafe values[index])) }
    }
  }
}

extension RollupRun {
  /// Adds the groups of a block.
  mutating func append(_ block: borrowing GroupBlock) {
    unsafe block.withCodes(0) { unsafe companies.append(contentsOf: $0) }
    unsafe block.withCodes(1) { unsafe eventTypes.append(contentsOf: $0) }
    unsafe block.withCodes(2) { unsafe modules.append(contentsOf: $0) }
    unsafe block.withNumbers(0) { unsafe buckets.append(contentsOf: $0) }
    unsafe block.withNumbers(1) { unsafe eventCounts.append(contentsOf: $0) }
    unsafe block.withNumbers(2) { unsafe uniqueUsers.append(contentsOf: $0) }
    unsafe block.withNumbers(3) { unsafe amountSums.append(contentsOf: $0) }
    unsafe block.withNumbers(4) { unsafe amountMinima.append(contentsOf: $0) }
    unsafe block.withNumbers(5) { unsafe amountMaxima.append(contentsOf: $0) }
    unsafe block.withNumbers(6) { unsafe durationSums.append(contentsOf: $0) }
    if keepsUsers { users.append(contentsOf: block.users) }
    var rest = block.count
    var word = 0
    while rest > 0 {
      hasAmount.append(word: block.bits(0, word: word), rows: min(64, rest))
      hasDuration.append(word: block.bits(1, word: word), rows: min(64, rest))
      rest -= 64
      word += 1
    }
  }
}
