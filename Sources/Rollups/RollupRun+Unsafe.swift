import Columns

/// What a row carries besides its key.
struct RowValues<Amount: FixedWidthInteger & SignedInteger & Sendable> {
  var amount: Amount
  var user: UInt32
  /// Bit 0 says that there is an amount, bit 1 a duration.
  var flags: UInt32
}

/// The rows of all companies, partitioned by company, in memory of their own.
///
/// Every place written lies below `count`: places of a company run from its start to the start of
/// the next, as many as ``AggregationInput`` counted over the same rows.
@safe
struct Partitions<
  Amount: FixedWidthInteger & SignedInteger & Sendable,
  Word: FixedWidthInteger & UnsignedInteger & Sendable
>: ~Copyable {
  let words: UnsafeMutableBufferPointer<Word>
  let values: UnsafeMutableBufferPointer<RowValues<Amount>>
  let durations: UnsafeMutableBufferPointer<Int64>
  /// Room to sort the largest partition.
  let scratch: UnsafeMutableBufferPointer<Word>
  /// The values of one partition in sorted order.
  let sortedValues: UnsafeMutableBufferPointer<RowValues<Amount>>
  let sortedDurations: UnsafeMutableBufferPointer<Int64>
  let digits: UnsafeMutableBufferPointer<UInt32>

  init(_ input: AggregationInput) {
    let starts = input.companyStarts
    let count = starts[starts.count - 1]
    let largest = zip(starts, starts.dropFirst()).map { $1 - $0 }.max() ?? 0
    unsafe words = Self.allocate(count)
    unsafe values = Self.allocate(count)
    unsafe durations = Self.allocate(input.hasDurations ? count : 0)
    unsafe scratch = Self.allocate(largest)
    unsafe sortedValues = Self.allocate(largest)
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
    unsafe words.deallocate()
    unsafe values.deallocate()
    unsafe durations.deallocate()
    unsafe scratch.deallocate()
    unsafe sortedValues.deallocate()
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
    let companies = part.companies.table(to: input.companyRanks, null: 0)
    let eventTypes = part.eventTypes.table(
      to: input.eventTypeRanks.map { Word($0) << Word(input.layout.eventTypeShift) }, null: 0)
    let moduleKeys = input.moduleRanks.map { Word($0) << Word(input.layout.moduleShift) }
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
      unsafe words[place] =
        key | Word(bucket) << Word(SortWordLayout.placeBits)
        | Word(UInt32(truncatingIfNeeded: place))
      var values = RowValues<Amount>(amount: 0, user: user, flags: 0)
      if hasAmounts {
        values.flags = part.hasAmount.isSet(row) ? 1 : 0
        values.amount = Amount(truncatingIfNeeded: amounts[row])
      }
      if let partDurations = part.durations {
        values.flags |= part.hasDuration.isSet(row) ? 2 : 0
        unsafe durations[place] = partDurations[row]
      }
      unsafe self.values[place] = values
    }
  }

  /// Sorts each partition and adds its groups to `run`; false where a sum exceeds 128 bits.
  func addGroups(of input: AggregationInput, to run: inout RollupRun) -> Bool {
    let layout = input.layout
    let moduleMask = Word(1) << Word(layout.moduleBits) - 1
    let bucketMask = Word(1) << Word(layout.bucketBits) - 1
    var block = GroupBlock()
    var users: [UInt32] = []
    for company in input.companyOrder.indices {
      let rows = input.companyStarts[company]..<input.companyStarts[company + 1]
      if rows.isEmpty { continue }
      unsafe radixSort(
        UnsafeMutableBufferPointer(rebasing: words[rows]), scratch: scratch, digits: digits,
        lowBit: SortWordLayout.placeBits, highBit: layout.width)
      bringIntoOrder(rows)
      var start = rows.lowerBound
      while start < rows.upperBound {
        let key = unsafe words[start] >> Word(SortWordLayout.placeBits)
        var end = start + 1
        while end < rows.upperBound, unsafe words[end] >> Word(SortWordLayout.placeBits) == key {
          end += 1
        }
        guard
          let values = values(
            of: (start - rows.lowerBound)..<(end - rows.lowerBound), users: &users)
        else { return false }
        let eventType = Int(truncatingIfNeeded: key >> Word(layout.bucketBits + layout.moduleBits))
        let module = Int(truncatingIfNeeded: key >> Word(layout.bucketBits) & moduleMask)
        let groupKey = GroupKey(
          company: input.companyOrder[company], eventType: input.eventTypeOrder[eventType],
          module: input.moduleOrder[module], bucket: Int64(truncatingIfNeeded: key & bucketMask))
        if block.append(groupKey, values) {
          if run.keepsUsers { block.users.append(contentsOf: users) }
          if block.isFull {
            run.append(block)
            block.removeAll()
          }
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

  /// Copies the values of a sorted partition into the order of its words.
  ///
  /// A loop without branches keeps many of its scattered reads in flight, which reading while
  /// aggregating does not.
  private func bringIntoOrder(_ rows: Range<Int>) {
    // The low bits of a word are the place it was written with, so below `count`; a partition has
    // at most as many rows as the largest one, for which there is room.
    for index in 0..<rows.count {
      let place = unsafe Int(truncatingIfNeeded: words[rows.lowerBound + index] & 0xFFFF_FFFF)
      unsafe sortedValues[index] = values[place]
    }
    guard unsafe !durations.isEmpty else { return }
    for index in 0..<rows.count {
      let place = unsafe Int(truncatingIfNeeded: words[rows.lowerBound + index] & 0xFFFF_FFFF)
      unsafe sortedDurations[index] = durations[place]
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
      let row = unsafe sortedValues[index]
      if row.user != CodedEvents.noUser { users.append(row.user) }
      if row.flags & 1 == 1 {
        let amount = Int128(row.amount)
        let (sum, overflow) = group.amountSum.addingReportingOverflow(amount)
        if overflow { return nil }
        group.amountSum = sum
        group.amountMinimum = group.hasAmount ? min(group.amountMinimum, amount) : amount
        group.amountMaximum = group.hasAmount ? max(group.amountMaximum, amount) : amount
        group.hasAmount = true
      }
      if row.flags & 2 == 2 {
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
  /// `Amount` holds every amount and `Word` every word of the input's layout.
  static func aggregate<
    Amount: FixedWidthInteger & SignedInteger & Sendable,
    Word: FixedWidthInteger & UnsignedInteger & Sendable
  >(
    _ input: AggregationInput, _ kind: Partitions<Amount, Word>.Type, keepingUsers: Bool
  ) -> RollupRun? {
    precondition(input.layout.width <= Word.bitWidth, "the key does not fit a sort word")
    let partitions = Partitions<Amount, Word>(input)
    partitions.fill(from: input)
    var run = RollupRun(keepsUsers: keepingUsers)
    run.reserveCapacity(input.companyStarts[input.companyStarts.count - 1])
    return partitions.addGroups(of: input, to: &run) ? run : nil
  }
}
