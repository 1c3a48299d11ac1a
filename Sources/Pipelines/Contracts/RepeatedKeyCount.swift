import AlmanacCore

/// Counts the keys that occur more than once among very many, in bounded memory.
///
/// A first pass sets one bit for each key in a filter and one in a second filter where the bit was
/// set already; a second pass collects the keys that meet a bit of the second filter and counts
/// these exactly. Of more keys than a filter suits, or of more repeated ones than memory holds,
/// each pass takes one bucket of the hashes, so there are more passes.
struct RepeatedKeyCount {
  /// Bits of a filter at the most: 64 MB.
  static let maximumFilterBits = 1 << 29
  /// Keys that are collected at the most: 192 MB.
  static let maximumCollected = 12_000_000

  /// Rows beyond the first of each key.
  private(set) var count = 0
  /// A few of the keys that repeat.
  private(set) var examples: [KeyValue] = []

  /// Counts.
  ///
  /// - Parameters:
  ///   - rows: about how many keys there are.
  ///   - maximumBits: bits of a filter, a power of two of at least 64.
  ///   - maximumCollected: keys that may be collected at once.
  ///   - forEachKeys: calls its argument with all keys, in pieces; the same keys each time.
  init(
    rows: Int, maximumBits: Int = RepeatedKeyCount.maximumFilterBits,
    maximumCollected: Int = RepeatedKeyCount.maximumCollected,
    forEachKeys: (([KeyValue]) throws -> Void) throws -> Void
  ) rethrows {
    // Eight bits for each key let one key in eight be collected for nothing.
    var buckets = 1
    while rows / buckets > maximumBits / 8 { buckets *= 2 }
    while true {
      var bits = 64
      while bits < maximumBits, bits / 8 < rows / buckets { bits *= 2 }
      var counted: [Collection]? = []
      for bucket in 0..<buckets {
        let slots = Slots(bucket: UInt64(bucket), buckets: UInt64(buckets), bits: bits)
        guard
          let collection = try RepeatedKeyCount.collect(
            slots, limit: maximumCollected, forEachKeys: forEachKeys)
        else {
          counted = nil
          break
        }
        counted?.append(Collection(count: collection.count, examples: collection.examples))
      }
      if let counted {
        count = counted.reduce(0) { $0 + $1.count }
        examples = Array(counted.flatMap(\.examples).prefix(CheckResult.maximumExamples))
        return
      }
      buckets *= 4
    }
  }

  /// Where keys fall.
  private struct Slots {
    var bucket: UInt64
    var buckets: UInt64
    var bits: Int

    /// The slot of a key, or `nil` if it is of another bucket.
    func slot(of key: KeyValue) -> Int? {
      let hash = KeyTable.slot(of: key)
      // The bucket is of the high bits, the slot of the low ones.
      guard buckets == 1 || (hash >> 40) % buckets == bucket else { return nil }
      return Int(hash & UInt64(bits - 1))
    }
  }

  /// Keys that may repeat, and what is known to.
  private struct Collection {
    var keys: [KeyValue] = []
    var count = 0
    var examples: [KeyValue] = []

    /// Keeps one of each key and counts the others.
    mutating func fold() {
      keys.sort()
      var kept = 0
      for index in keys.indices {
        if kept > 0, keys[kept - 1] == keys[index] {
          count += 1
          if examples.count < CheckResult.maximumExamples, !examples.contains(keys[index]) {
            examples.append(keys[index])
          }
        } else {
          keys[kept] = keys[index]
          kept += 1
        }
      }
      keys.removeLast(keys.count - kept)
    }
  }

  /// The counts of a bucket, or `nil` if more different keys may repeat than memory holds.
  private static func collect(
    _ slots: Slots, limit: Int, forEachKeys: (([KeyValue]) throws -> Void) throws -> Void
  ) rethrows -> Collection? {
    var seen = [UInt64](repeating: 0, count: slots.bits / 64)
    var seenAgain = seen
    try forEachKeys { keys in
      for key in keys {
        guard let slot = slots.slot(of: key) else { continue }
        let bit: UInt64 = 1 << UInt64(slot & 63)
        if seen[slot >> 6] & bit != 0 {
          seenAgain[slot >> 6] |= bit
        } else {
          seen[slot >> 6] |= bit
        }
      }
    }
    seen = []
    var collection = Collection()
    var isTooLarge = false
    guard seenAgain.contains(where: { $0 != 0 }) else { return collection }
    try forEachKeys { keys in
      if isTooLarge { return }
      for key in keys {
        guard let slot = slots.slot(of: key),
          seenAgain[slot >> 6] >> UInt64(slot & 63) & 1 == 1
        else { continue }
        collection.keys.append(key)
      }
      if collection.keys.count > limit {
        collection.fold()
        // A half full store would be folded again and again.
        isTooLarge = collection.keys.count > limit / 2
      }
    }
    if isTooLarge { return nil }
    collection.fold()
    return collection
  }
}
