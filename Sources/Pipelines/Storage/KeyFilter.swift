import AlmanacCore
import Columns

/// Tells which keys a part may hold: of each the first bits of a hash.
///
/// A key that the part holds always matches. Another one does with a probability of 2⁻²⁸ or less,
/// so a part that matches is worth being opened, and only what is found there counts.
///
/// The first ``bits`` bits of a hash choose a bucket, the next 32 are kept in it: about 4.5 bytes a
/// key, of which a bucket holds some eight to sixteen.
struct KeyFilter: Equatable, Sendable {
  /// The bits of a hash that number its bucket.
  let bits: Int
  /// The place of each bucket's first entry, and the number of all entries at the end.
  let starts: [UInt32]
  /// The 32 bits behind those of the bucket, bucket by bucket.
  let rests: [UInt32]

  /// Buckets that there are at least, as a number of bits: so the first 42 bits are always known.
  static let minimumBits = 10

  /// A filter of hashes, in any order.
  init(_ hashes: [UInt64]) {
    precondition(hashes.count < Int(UInt32.max), "too many keys for one filter")
    let bits = max(KeyFilter.minimumBits, Int.bitWidth - hashes.count.leadingZeroBitCount - 4)
    let shift = UInt64(64 - bits)
    var starts = [UInt32](repeating: 0, count: 1 << bits + 1)
    for hash in hashes { starts[Int(truncatingIfNeeded: hash >> shift) &+ 1] &+= 1 }
    for bucket in 1..<starts.count { starts[bucket] &+= starts[bucket - 1] }
    var next = starts
    var rests = [UInt32](repeating: 0, count: hashes.count)
    for hash in hashes {
      let bucket = Int(truncatingIfNeeded: hash >> shift)
      let place = next[bucket]
      rests[Int(place)] = UInt32(truncatingIfNeeded: hash >> (shift &- 32))
      next[bucket] = place &+ 1
    }
    self.bits = bits
    self.starts = starts
    self.rests = rests
  }

  /// A filter that was stored; `nil` where its parts do not agree.
  init?(bits: Int, starts: [UInt32], rests: [UInt32]) {
    guard (KeyFilter.minimumBits...32).contains(bits), starts.count == 1 << bits + 1,
      starts[0] == 0, starts.last == UInt32(exactly: rests.count),
      zip(starts, starts.dropFirst()).allSatisfy(<=)
    else { return nil }
    self.bits = bits
    self.starts = starts
    self.rests = rests
  }

  /// Calls `body` with the positions of the hashes that match.
  ///
  /// It takes a few nanoseconds for each hash if these are in about ascending order.
  func forEachMatch(of hashes: [UInt64], _ body: (Int) -> Void) {
    let shift = UInt64(64 - bits)
    for position in hashes.indices {
      let hash = hashes[position]
      let bucket = Int(truncatingIfNeeded: hash >> shift)
      let rest = UInt32(truncatingIfNeeded: hash >> (shift &- 32))
      var place = Int(starts[bucket])
      let end = Int(starts[bucket &+ 1])
      while place < end {
        if rests[place] == rest {
          body(position)
          break
        }
        place &+= 1
      }
    }
  }

  /// Calls `body` with what is known of each hash whose first `sliceBits` bits are `slice`, ``bits``
  /// and 32 bits from the top on, the others 0.
  func forEachPrefix(in slice: Int, of sliceBits: Int, _ body: (UInt64) -> Void) {
    precondition(sliceBits <= KeyFilter.minimumBits, "\(sliceBits) bits of a slice")
    let shift = UInt64(64 - bits)
    let width = bits - sliceBits
    for bucket in slice << width..<(slice + 1) << width {
      for place in Int(starts[bucket])..<Int(starts[bucket + 1]) {
        body(UInt64(bucket) << shift | UInt64(rests[place]) << (shift - 32))
      }
    }
  }
}

extension Batch {
  /// The hashes of the rows' keys as filters keep them, the same in every program.
  func keyHashes(of key: [String]) -> [UInt64] {
    keyValues(of: key, seed: .stored).map { value in
      let first = (value.high ^ 0x2D35_8DCC_AA6C_78A5)
        .multipliedFullWidth(by: 0x8BB8_4B93_962E_ACC9)
      let second = (value.low ^ first.high ^ first.low)
        .multipliedFullWidth(by: 0x4B33_A62E_D433_D4A3)
      return second.high ^ second.low
    }
  }
}
