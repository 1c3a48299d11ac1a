/// Where the parts of a group's key lie in a sort word.
///
/// A word is, from the top: event type, module, bucket, and in the low 32 bits the row's place in
/// the partition of its company. The first two are ranks, so words order as the result does.
struct SortWordLayout {
  /// The low bits that hold a place.
  static let placeBits = 32

  let bucketBits: Int
  let moduleBits: Int
  let eventTypeBits: Int

  /// The number of bits of a whole word.
  var width: Int { SortWordLayout.placeBits + bucketBits + moduleBits + eventTypeBits }
  var moduleShift: Int { SortWordLayout.placeBits + bucketBits }
  var eventTypeShift: Int { moduleShift + moduleBits }

  /// The narrowest layout for the given numbers of different values.
  init(buckets: Int, modules: Int, eventTypes: Int) {
    bucketBits = SortWordLayout.bits(for: buckets)
    moduleBits = SortWordLayout.bits(for: modules)
    eventTypeBits = SortWordLayout.bits(for: eventTypes)
  }

  private static func bits(for count: Int) -> Int {
    count <= 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
  }
}

/// Events to aggregate, with the orders their keys are sorted by.
struct AggregationInput {
  let events: [CodedEvents]
  let layout: SortWordLayout
  /// Codes by rank.
  let companyOrder: [UInt32]
  let eventTypeOrder: [UInt32]
  let moduleOrder: [UInt32]
  /// Ranks by code.
  let companyRanks: [UInt32]
  let eventTypeRanks: [UInt32]
  let moduleRanks: [UInt32]
  /// Where the partition of each company rank begins, and at the end the number of rows inside
  /// the interval.
  let companyStarts: [Int]
  let hasDurations: Bool

  init(_ events: [CodedEvents], bucketCount: Int, dictionaries: RollupDictionaries) {
    self.events = events
    companyOrder = dictionaries.companies.sortedCodes()
    eventTypeOrder = dictionaries.eventTypes.sortedCodes()
    moduleOrder = dictionaries.modules.sortedCodes()
    companyRanks = ranks(of: companyOrder)
    eventTypeRanks = ranks(of: eventTypeOrder)
    moduleRanks = ranks(of: moduleOrder)
    layout = SortWordLayout(
      buckets: bucketCount, modules: moduleOrder.count, eventTypes: eventTypeOrder.count)
    hasDurations = events.contains { $0.durations != nil }
    var counts = [Int](repeating: 0, count: companyOrder.count)
    for part in events {
      // Companies are never null inside the interval.
      let table = part.companies.table(to: companyRanks, null: 0)
      for (code, bucket) in zip(part.companies.codes, part.buckets)
      where bucket != BucketAssignment.outside {
        counts[Int(table[Int(code)])] += 1
      }
    }
    var starts = [0]
    starts.reserveCapacity(counts.count + 1)
    for count in counts { starts.append(starts[starts.count - 1] + count) }
    companyStarts = starts
    precondition(starts[starts.count - 1] < Int(UInt32.max), "too many rows to aggregate at once")
    // Two bits above a user's code are for other things, and one code means that there is none.
    precondition(dictionaries.users.values.count < 0x3FFF_FFFF, "too many users to aggregate")
  }
}

extension RollupRun {
  /// The groups of events, or `nil` where a sum of amounts exceeds 128 bits.
  ///
  /// Rows are partitioned by company, each partition is sorted by the rest of its key, and equal
  /// keys are then neighbours. A partition is small, so sorting it stays in cache, and the groups
  /// come out in the order of the result whatever the order of the rows was.
  static func aggregating(
    _ events: [CodedEvents], bucketCount: Int, dictionaries: RollupDictionaries, keepingUsers: Bool
  ) -> RollupRun? {
    let input = AggregationInput(events, bucketCount: bucketCount, dictionaries: dictionaries)
    let isWide = events.contains { part in
      if case .wide = part.amounts { true } else { false }
    }
    let isLong = input.layout.width > UInt64.bitWidth
    switch (isWide, isLong) {
    case (false, false):
      return aggregate(input, Partitions<Int64, UInt32, UInt64>.self, keepingUsers: keepingUsers)
    case (false, true):
      return aggregate(input, Partitions<Int64, UInt128, UInt128>.self, keepingUsers: keepingUsers)
    case (true, false):
      return aggregate(input, Partitions<Int128, UInt32, UInt64>.self, keepingUsers: keepingUsers)
    case (true, true):
      return aggregate(input, Partitions<Int128, UInt128, UInt128>.self, keepingUsers: keepingUsers)
    }
  }
}
