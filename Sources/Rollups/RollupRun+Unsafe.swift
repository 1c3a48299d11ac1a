import Columns

/// What a row carries besides its key.
private struct RowValues<Amount: FixedWidthInteger & SignedInteger & Sendable> {
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
private struct Partitions<
  Amount: FixedWidthInteger & SignedInteger & Sendable,
  Word: FixedWidthInteger & UnsignedInteger & Sendable
>: ~Copyable {
  let words: UnsafeMutableBufferPointer<Word>
  let values: UnsafeMutableBufferPointer<RowValues<Amount>>
  let durations: UnsafeMutableBufferPointer<Int64>
  /// Room to sort the largest partition.
  let scratch: UnsafeMutableBufferPointer<Word>
  let digits: UnsafeMutableBufferPointer<UInt32>

  init(_ input: AggregationInput) {
    let starts = input.companyStarts
    let count = starts[starts.count - 1]
    let largest = zip(starts, starts.dropFirst()).map { $1 - $0 }.max() ?? 0
    unsafe words = .allocate(capacity: count)
    unsafe values = .allocate(capacity: count)
    unsafe durations = .allocate(capacity: input.hasDurations ? count : 0)
    unsafe scratch = .allocate(capacity: largest)
    unsafe digits = .allocate(capacity: 4_096)
  }

  deinit {
    unsafe words.deallocate()
    unsafe values.deallocate()
    unsafe durations.deallocate()
    unsafe scratch.deallocate()
    unsafe digits.deallocate()
  }

  /// Writes every row inside the interval to its company's partition.
  func fill(from input: AggregationInput) {
    var next = input.companyStarts
    for part in input.events {
      let eventTypeKeys = input.eventTypeRanks.map { Word($0) << Word(input.layout.eventTypeShift) }
      let moduleKeys = input.moduleRanks.map { Word($0) << Word(input.layout.moduleShift) }
      switch part.amounts {
      case .none:
        fill(
          part, amounts: [Int64](), input, eventTypeKeys: eventTypeKeys, moduleKeys: moduleKeys,
          next: &next)
      case .narrow(let amounts):
        fill(
          part, amounts: amounts, input, eventTypeKeys: eventTypeKeys, moduleKeys: moduleKeys,
          next: &next)
      case .wide(let amounts):
        fill(
          part, amounts: amounts, input, eventTypeKeys: eventTypeKeys, moduleKeys: moduleKeys,
          next: &next)
      }
    }
  }

  private func fill<Source: FixedWidthInteger & SignedInteger>(
    _ part: CodedEvents, amounts: [Source], _ input: AggregationInput, eventTypeKeys: [Word],
    moduleKeys: [Word], next: inout [Int]
  ) {
    let hasAmounts = !amounts.isEmpty
    let amountWords = part.hasAmount?.words
    let durationWords = part.hasDuration?.words
    for row in 0..<part.rowCount {
      let bucket = part.buckets[row]
      if bucket == BucketAssignment.outside { continue }
      let company = Int(input.companyRanks[Int(part.companies[row])])
      let place = next[company]
      next[company] = place + 1
      unsafe words[place] =
        eventTypeKeys[Int(part.eventTypes[row])] | moduleKeys[Int(part.modules[row])]
        | Word(bucket) << Word(SortWordLayout.placeBits) | Word(UInt32(truncatingIfNeeded: place))
      var flags: UInt32 = 0
      var amount: Amount = 0
      if hasAmounts {
        let isValid = amountWords.map { $0[row >> 6] >> UInt64(row & 63) & 1 } ?? 1
        flags = UInt32(truncatingIfNeeded: isValid)
        amount = Amount(truncatingIfNeeded: amounts[row])
      }
      if let values = part.durations {
        let isValid = durationWords.map { $0[row >> 6] >> UInt64(row & 63) & 1 } ?? 1
        flags |= UInt32(truncatingIfNeeded: isValid) << 1
        unsafe durations[place] = values[row]
      }
      unsafe values[place] = RowValues(amount: amount, user: part.users[row], flags: flags)
    }
  }

  /// Sorts each partition and adds its groups to `run`; false where a sum exceeds 128 bits.
  func addGroups(of input: AggregationInput, to run: inout RollupRun) -> Bool {
    let layout = input.layout
    var users: [UInt32] = []
    for company in input.companyOrder.indices {
      let rows = input.companyStarts[company]..<input.companyStarts[company + 1]
      if rows.isEmpty { continue }
      unsafe radixSort(
        UnsafeMutableBufferPointer(rebasing: words[rows]), scratch: scratch, digits: digits,
        lowBit: SortWordLayout.placeBits, highBit: layout.width)
      var start = rows.lowerBound
      while start < rows.upperBound {
        let key = unsafe words[start] >> Word(SortWordLayout.placeBits)
        var end = start + 1
        while end < rows.upperBound,
          unsafe words[end] >> Word(SortWordLayout.placeBits) == key
        {
          end += 1
        }
        run.appendKey(
          company: input.companyOrder[company],
          eventType: input.eventTypeOrder[
            Int(truncatingIfNeeded: key >> Word(layout.bucketBits + layout.moduleBits))],
          module: input.moduleOrder[
            Int(
              truncatingIfNeeded: key >> Word(layout.bucketBits)
                & (Word(1) << Word(layout.moduleBits) - 1))],
          bucket: UInt32(
            truncatingIfNeeded: key & (Word(1) << Word(layout.bucketBits) - 1)))
        guard addValues(of: start..<end, to: &run, users: &users) else { return false }
        start = end
      }
    }
    return true
  }

  /// Adds users and values of the rows whose sorted words lie at `rows`, one group.
  @inline(__always)
  private func addValues(
    of rows: Range<Int>, to run: inout RollupRun, users: inout [UInt32]
  ) -> Bool {
    var group = GroupValues()
    group.eventCount = Int64(rows.count)
    users.removeAll(keepingCapacity: true)
    for index in rows {
      // The low bits of a word are the place it was written with, so below `count`.
      let place = unsafe Int(truncatingIfNeeded: words[index] & 0xFFFF_FFFF)
      let row = unsafe values[place]
      if row.user != CodedEvents.noUser {
        if rows.count == 1 { run.appendUser(row.user) } else { users.append(row.user) }
      }
      if row.flags & 1 == 1 {
        let amount = Int128(row.amount)
        let (sum, overflow) = group.amountSum.addingReportingOverflow(amount)
        if overflow { return false }
        group.amountSum = sum
        group.amountMinimum = group.hasAmount ? min(group.amountMinimum, amount) : amount
        group.amountMaximum = group.hasAmount ? max(group.amountMaximum, amount) : amount
        group.hasAmount = true
      }
      if row.flags & 2 == 2 {
        group.durationSum += unsafe Int128(durations[place])
        group.hasDuration = true
      }
    }
    if !users.isEmpty { run.appendUsers(&users) }
    run.appendValues(group)
    return true
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
    _ input: AggregationInput, amounts: Amount.Type, words: Word.Type
  ) -> RollupRun? {
    precondition(input.layout.width <= Word.bitWidth, "the key does not fit a sort word")
    let partitions = Partitions<Amount, Word>(input)
    partitions.fill(from: input)
    var run = RollupRun()
    run.reserveCapacity(input.companyStarts[input.companyStarts.count - 1])
    return partitions.addGroups(of: input, to: &run) ? run : nil
  }
}
