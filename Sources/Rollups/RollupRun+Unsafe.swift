import Columns

/// A row in the partition of its company.
struct PartitionRow<
  Amount: FixedWidthInteger & SignedInteger & Sendable,
  Key: FixedWidthInteger & UnsignedInteger & Sendable
> {
  /// The rest of its key: a word of ``SortWordLayout`` without the place.
  var key: Key
  /// The user's code, and above it two bits that tell of an amount and of a duration.
  var userAndFlags: UInt32
  var amount: Amount

  /// The low bits, which hold the user's code.
  static var userMask: UInt32 { 0x3FFF_FFFF }
  static var amountFlag: UInt32 { 0x4000_0000 }
  static var durationFlag: UInt32 { 0x8000_0000 }

  /// The user's code; the mask where there is none.
  var user: UInt32 { userAndFlags & Self.userMask }
  var hasUser: Bool { user != Self.userMask }
  var hasAmount: Bool { userAndFlags & Self.amountFlag != 0 }
  var hasDuration: Bool { userAndFlags & Self.durationFlag != 0 }
}

/// The rows of all companies, partitioned by company, in memory of their own.
///
/// Every place written lies below `count`: places of a company run from its start to the start of
/// the next, as many as ``AggregationInput`` counted over the same rows.
@safe
struct Partitions<
  Amount: FixedWidthInteger & SignedInteger & Sendable,
  Key: FixedWidthInteger & UnsignedInteger & Sendable,
  Word: FixedWidthInteger & UnsignedInteger & Sendable
>: ~Copyable {
  typealias Row = PartitionRow<Amount, Key>

  let rows: UnsafeMutableBufferPointer<Row>
  let durations: UnsafeMutableBufferPointer<Int64>
  /// The words of one partition, with the place of each row in it, and room to sort them.
  let words: UnsafeMutableBufferPointer<Word>
  let scratch: UnsafeMutableBufferPointer<Word>
  /// The rows of one partition in sorted order.
  let sortedRows: UnsafeMutableBufferPointer<Row>
  let sortedDurations: UnsafeMutableBufferPointer<Int64>
  let digits: UnsafeMutableBufferPointer<UInt32>

  init(_ input: AggregationInput) {
    let starts = input.companyStarts
    let count = starts[starts.count - 1]
    let largest = zip(starts, starts.dropFirst()).map { $1 - $0 }.max() ?? 0
    unsafe rows = Self.allocate(count)
    unsafe durations = Self.allocate(input.hasDurations ? count : 0)
    unsafe words = Self.allocate(largest)
    unsafe scratch = Self.allocate(largest)
    unsafe sortedRows = Self.allocate(largest)
    unsafe sortedDurations = Self.allocate(input.hasDurations ? largest : 0)
    unsafe digits = Self.allocate(4_096)
  }

  private static func allocate<Element>(_ count: Int) -> UnsafeMutableBufferPointer<Element> {
    let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: count)
    if let start = buffer.baseAddress {
      unsafe adviseLargePages(
        UnsafeMutableRawPointer(start), byteCount: count * MemoryLayout<Element>.stride)
    }
    return unsafe buffer
  }

  deinit {
    unsafe rows.deallocate()
    unsafe durations.deallocate()
    unsafe words.deallocate()
    unsafe scratch.deallocate()
    unsafe sortedRows.deallocate()
    unsafe sortedDurations.deallocate()
    unsafe digits.deallocate()
  }

  /// Writes every row inside the interval to its company's partition.
  func fill(from input: AggregationInput) {
    var next = input.companyStarts
    for part in input.events {
      switch part.amounts {
      case .none: fill([Int64](), of: part, input, next: &next)
      case .narrow(let amounts): fill(amounts, of: part, input, next: &next)
      case .wide(let amounts): fill(amounts, of: part, input, next: &next)
      }
    }
  }

  private func fill<Source: FixedWidthInteger & SignedInteger>(
    _ amounts: [Source], of part: CodedEvents, _ input: AggregationInput, next: inout [Int]
  ) {
    let placeBits = SortWordLayout.placeBits
    let companies = part.companies.table(to: input.companyRanks, null: 0)
    let eventTypes = part.eventTypes.table(
      to: input.eventTypeRanks.map { Key($0) << Key(input.layout.eventTypeShift - placeBits) },
      null: 0)
    let moduleKeys = input.moduleRanks.map { Key($0) << Key(input.layout.moduleShift - placeBits) }
    let noModuleKey = moduleKeys[Int(RollupDictionaries.noModule)]
    let modules = part.modules?.table(to: moduleKeys, null: noModuleKey)
    let users = part.users?.table.map { $0 + [CodedEvents.noUser] }
    let hasAmounts = !amounts.isEmpty
    for row in 0..<part.rowCount {
      let bucket = part.buckets[row]
      if bucket == BucketAssignment.outside { continue }
      let company = Int(companies[Int(part.companies.codes[row])])
      let place = next[company]
      next[company] = place + 1
      var key = eventTypes[Int(part.eventTypes.codes[row])]
      if let column = part.modules, let modules {
        key |= modules[column.validity.isSet(row) ? Int(column.codes[row]) : modules.count - 1]
      } else {
        key |= noModuleKey
      }
      var user = CodedEvents.noUser
      if let column = part.users {
        if let users {
          user = users[column.validity.isSet(row) ? Int(column.codes[row]) : users.count - 1]
        } else {
          user = column.validity.isSet(row) ? column.codes[row] : CodedEvents.noUser
        }
      }
      var entry = Row(
        key: key | Key(bucket), userAndFlags: user & Row.userMask, amount: 0)
      if hasAmounts {
        if part.hasAmount.isSet(row) { entry.userAndFlags |= Row.amountFlag }
        entry.amount = Amount(truncatingIfNeeded: amounts[row])
      }
      if let partDurations = part.durations {
        if part.hasDuration.isSet(row) { entry.userAndFlags |= Row.durationFlag }
        unsafe durations[place] = partDurations[row]
      }
      unsafe rows[place] = entry
    }
  }

  /// Sorts each partition and adds its groups to `run`; false where a sum exceeds 128 bits.
  func addGroups(of input: AggregationInput, to run: inout RollupRun) -> Bool {
    let layout = input.layout
    let moduleMask = Word(1) << Word(layout.moduleBits) - 1
    let bucketMask = Word(1) << Word(layout.bucketBits) - 1
    let placeBits = Word(SortWordLayout.placeBits)
    var block = GroupBlock()
    var users: [UInt32] = []
    for company in input.companyOrder.indices {
      let partition = input.companyStarts[company]..<input.companyStarts[company + 1]
      if partition.isEmpty { continue }
      sort(partition, layout)
      var start = 0
      while start < partition.count {
        // Both stay below the partition's count, and it has no more rows than the largest one.
        let key = unsafe words[start] >> placeBits
        var end = start + 1
        while end < partition.count, unsafe words[end] >> placeBits == key { end += 1 }
        let eventType = Int(truncatingIfNeeded: key >> Word(layout.bucketBits + layout.moduleBits))
        let module = Int(truncatingIfNeeded: key >> Word(layout.bucketBits) & moduleMask)
        let groupKey = GroupKey(
          company: input.companyOrder[company], eventType: input.eventTypeOrder[eventType],
          module: input.moduleOrder[module], bucket: Int64(truncatingIfNeeded: key & bucketMask))
        if block.isFull {
          run.append(block)
          block.removeAll()
        }
        let first = unsafe sortedRows[start]
        if end == start + 1, let amount = Int64(exactly: first.amount) {
          // Most groups of a sparse history are a single event.
          let hasUser = first.hasUser
          let hasAmount = first.hasAmount
          let hasDuration = first.hasDuration
          let counted = hasAmount ? amount : 0
          block.append(
            groupKey, events: 1, users: hasUser ? 1 : 0, sum: counted, minimum: counted,
            maximum: counted, duration: hasDuration ? unsafe sortedDurations[start] : 0,
            hasAmount: hasAmount, hasDuration: hasDuration)
          if run.keepsUsers, hasUser { block.users.append(first.user) }
          start = end
          continue
        }
        guard let values = values(of: start..<end, users: &users) else { return false }
        if block.append(groupKey, values) {
          if run.keepsUsers { block.users.append(contentsOf: users) }
        } else {
          run.append(block)
          block.removeAll()
          run.append(groupKey, values, users: users[...])
        }
        start = end
      }
    }
    run.append(block)
    return true
  }

  /// Brings the words of a partition, and its rows, into ascending order.
  ///
  /// Events mostly arrive in the order of time: then their buckets are nearly sorted already, and
  /// only the rest of the key is left to the radix sort.
  private func sort(_ partition: Range<Int>, _ layout: SortWordLayout) {
    // `partition` lies within the rows, and has no more of them than the largest partition, for
    // which every other buffer has room. The low bits of a word are the place of its row.
    let count = partition.count
    let lowBit = SortWordLayout.placeBits
    let keyMask = Key(truncatingIfNeeded: (Word(1) << Word(layout.bucketBits)) - 1)
    var descents = 0
    var last: Key = 0
    for index in 0..<count {
      let key = unsafe rows[partition.lowerBound + index].key
      unsafe words[index] =
        Word(key) << Word(lowBit) | Word(UInt32(truncatingIfNeeded: index))
      descents += key & keyMask < last ? 1 : 0
      last = key & keyMask
    }
    let bucketMask = Word(keyMask) << Word(lowBit)
    let sorted = unsafe UnsafeMutableBufferPointer(rebasing: words[0..<count])
    if count <= 24 {
      unsafe radixSort(
        sorted, scratch: scratch, digits: digits, lowBit: lowBit, highBit: layout.width)
    } else {
      if descents > 0,
        unsafe descents * 8 > count || !insertionSort(sorted, mask: bucketMask, moves: count * 4)
      {
        unsafe radixSort(
          sorted, scratch: scratch, digits: digits, lowBit: lowBit, highBit: layout.moduleShift)
      }
      unsafe radixSort(
        sorted, scratch: scratch, digits: digits, lowBit: layout.moduleShift,
        highBit: layout.width)
    }
    // A loop without branches keeps many of its scattered reads in flight, which reading while
    // aggregating does not.
    for index in 0..<count {
      let place = unsafe Int(truncatingIfNeeded: words[index] & 0xFFFF_FFFF)
      unsafe sortedRows[index] = rows[partition.lowerBound + place]
    }
    guard unsafe !durations.isEmpty else { return }
    for index in 0..<count {
      let place = unsafe Int(truncatingIfNeeded: words[index] & 0xFFFF_FFFF)
      unsafe sortedDurations[index] = durations[partition.lowerBound + place]
    }
  }

  /// The values of one group, whose rows lie at `rows` in sorted order, and its distinct users;
  /// `nil` where the sum exceeds 128 bits.
  @inline(__always)
  private func values(of rows: Range<Int>, users: inout [UInt32]) -> GroupValues? {
    var group = GroupValues()
    group.eventCount = Int64(rows.count)
    users.removeAll(keepingCapacity: true)
    for index in rows {
      let row = unsafe sortedRows[index]
      if row.hasUser { users.append(row.user) }
      if row.hasAmount {
        let amount = Int128(row.amount)
        let (sum, overflow) = group.amountSum.addingReportingOverflow(amount)
        if overflow { return nil }
        group.amountSum = sum
        group.amountMinimum = group.hasAmount ? min(group.amountMinimum, amount) : amount
        group.amountMaximum = group.hasAmount ? max(group.amountMaximum, amount) : amount
        group.hasAmount = true
      }
      if row.hasDuration {
        group.durationSum += unsafe Int128(sortedDurations[index])
        group.hasDuration = true
      }
    }
    users.sortAndRemoveDuplicates()
    group.uniqueUsers = Int64(users.count)
    return group
  }
}

extension ValidityBitmap? {
  /// Whether the row has a value; without a bitmap every row has.
  @inline(__always)
  fileprivate func isSet(_ row: Int) -> Bool {
    map { $0.words[row >> 6] >> UInt64(row & 63) & 1 == 1 } ?? true
  }
}

extension RollupRun {
  /// The groups of the input, or `nil` where a sum of amounts exceeds 128 bits.
  ///
  /// `Amount` holds every amount, `Word` every word of the input's layout and `Key` every word
  /// without its place.
  static func aggregate<
    Amount: FixedWidthInteger & SignedInteger & Sendable,
    Key: FixedWidthInteger & UnsignedInteger & Sendable,
    Word: FixedWidthInteger & UnsignedInteger & Sendable
  >(
    _ input: AggregationInput, _ kind: Partitions<Amount, Key, Word>.Type, keepingUsers: Bool
  ) -> RollupRun? {
    let placeBits = SortWordLayout.placeBits
    precondition(
      input.layout.width <= Word.bitWidth && input.layout.width - placeBits <= Key.bitWidth,
      "the key does not fit a sort word")
    let partitions = Partitions<Amount, Key, Word>(input)
    partitions.fill(from: input)
    var run = RollupRun(keepsUsers: keepingUsers)
    run.reserveCapacity(input.companyStarts[input.companyStarts.count - 1])
    return partitions.addGroups(of: input, to: &run) ? run : nil
  }
}
