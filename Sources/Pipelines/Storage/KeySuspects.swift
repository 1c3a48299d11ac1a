import Columns

/// Finds out by the filters of parts which keys may be on several days, and where.
///
/// A key that is on several days is always suspected, with every part that holds it.
struct KeySuspects {
  /// The parts to look at, each with rows of one day.
  let parts: [Manifest.Part]
  /// The columns that identify a row.
  let key: [String]
  let reader: PartReader
  /// Keys that are compared at once, about.
  let maximumKeys: Int
  /// Threads that look through filters.
  let jobs: Int

  /// What a pass found.
  struct Suspected {
    /// The first bits of the hashes of the keys.
    fileprivate(set) var prefixes: Set<UInt64> = []
    /// The positions of the parts that may hold one of them.
    fileprivate(set) var parts: Set<Int> = []

    /// The bits of a hash that every filter knows.
    fileprivate static let mask: UInt64 = ~0 << UInt64(32 - KeyFilter.minimumBits)

    /// Whether the key with a hash is suspected.
    func names(_ hash: UInt64) -> Bool { prefixes.contains(hash & Suspected.mask) }
  }

  /// Calls `body` with what each of the passes found, those that found nothing left out.
  ///
  /// - Parameters:
  ///   - fresh: the paths of the parts whose keys have not been compared; `nil` for all.
  ///   - body: may add to the lists of repeated keys.
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``, and what `body` throws.
  func forEachPass(fresh: Set<String>?, _ body: (Suspected) throws -> Void) throws {
    let allRows = parts.reduce(0) { $0 + $1.rows }
    guard let fresh, !isSortingCheaper(than: fresh, allRows: allRows) else {
      var bits = 0
      while bits < KeyFilter.minimumBits, allRows >> bits > maximumKeys { bits += 1 }
      for slice in 0..<(1 << bits) {
        let found = try suspects(in: slice, of: bits)
        if !found.parts.isEmpty { try body(found) }
      }
      return
    }
    var group: [Int] = []
    var rows = 0
    for (index, part) in parts.enumerated() where fresh.contains(part.path) {
      if !group.isEmpty, rows + part.rows > maximumKeys {
        let found = try suspects(among: group)
        if !found.parts.isEmpty { try body(found) }
        (group, rows) = ([], 0)
      }
      group.append(index)
      rows += part.rows
    }
    let found = try suspects(among: group)
    if !found.parts.isEmpty { try body(found) }
  }

  /// Whether putting all keys in order takes less than looking up the fresh ones in every part.
  ///
  /// A lookup takes a few nanoseconds, and each part's filter is asked for each fresh key; to order
  /// all keys takes about sixteen times as long for each. Both ways suspect the same keys of the
  /// fresh parts.
  private func isSortingCheaper(than fresh: Set<String>, allRows: Int) -> Bool {
    let freshRows = parts.reduce(0) { $0 + (fresh.contains($1.path) ? $1.rows : 0) }
    return freshRows * parts.count > 16 * allRows
  }

  /// The suspects among the keys of some parts, compared with those of all.
  private func suspects(among fresh: [Int]) throws -> Suspected {
    var hashes: [UInt64] = []
    var owners: [UInt32] = []
    for part in fresh {
      let own = try reader.decode(parts[part], columns: key).keyHashes(of: key)
      hashes += own
      owners += repeatElement(UInt32(part), count: own.count)
    }
    if hashes.isEmpty { return Suspected() }
    // In order, the lookups of a filter go through its memory once.
    var order = radixOrder(hashes)
    // A key that a part holds again and again is one.
    var last: Int?
    order.removeAll { row in
      defer { last = row }
      return last.map { hashes[$0] == hashes[row] && owners[$0] == owners[row] } ?? false
    }
    hashes = order.map { hashes[$0] }
    owners = order.map { owners[$0] }
    let matches = try mapConcurrently(
      Array(parts.indices), jobs: jobs, context: {},
      work: { [hashes, owners] _, part in
        let filter = try reader.keyFilter(of: parts[part], key: key)
        var matches: [Int] = []
        filter.forEachMatch(of: hashes) { position in
          // Each key matches its own part.
          if owners[position] != part { matches.append(position) }
        }
        return matches
      })
    var crosses = Set<Int>()
    for (part, positions) in matches.enumerated() {
      for position in positions where parts[Int(owners[position])].date != parts[part].date {
        crosses.insert(position)
      }
    }
    var found = Suspected()
    for position in crosses {
      found.prefixes.insert(hashes[position] & Suspected.mask)
      found.parts.insert(Int(owners[position]))
    }
    for (part, positions) in matches.enumerated() where positions.contains(where: crosses.contains)
    {
      found.parts.insert(part)
    }
    return found
  }

  /// The suspects among all keys whose hashes begin with some bits.
  private func suspects(in slice: Int, of sliceBits: Int) throws -> Suspected {
    // The first 44 bits of a hash above the position of the part.
    let partBits: UInt64 = 20
    let partMask: UInt64 = 0xF_FFFF
    precondition(parts.count < Int(partMask), "\(parts.count) parts")
    let collected = try mapConcurrently(
      Array(parts.indices), jobs: jobs, context: {},
      work: { _, part in
        let filter = try reader.keyFilter(of: parts[part], key: key)
        var words: [UInt64] = []
        filter.forEachPrefix(in: slice, of: sliceBits) { prefix in
          words.append(prefix & ~partMask | UInt64(part))
        }
        return (words: words, bits: filter.bits)
      })
    var words: [UInt64] = []
    words.reserveCapacity(collected.reduce(0) { $0 + $1.words.count })
    for part in collected { words += part.words }
    radixSort(&words, from: partBits, bits: 64 - partBits - UInt64(sliceBits))
    var found = Suspected()
    var start = 0
    while start < words.count {
      var end = start + 1
      while end < words.count, (words[start] ^ words[end]) & Suspected.mask == 0 { end += 1 }
      if end > start + 1 { add(words[start..<end], collected.map(\.bits), to: &found) }
      start = end
    }
    return found
  }

  /// Adds the keys of a run of hashes with the same first bits that may be on several days.
  private func add(_ run: ArraySlice<UInt64>, _ bits: [Int], to found: inout Suspected) {
    let places = run.map { (hash: $0 & ~0xF_FFFF, part: Int($0 & 0xF_FFFF)) }
    let parts = parts
    // Of very many, being of several days is suspicious enough.
    let isLong = places.count > 64
    let isSuspected =
      isLong
      ? places.contains { parts[$0.part].date != parts[places[0].part].date }
      : places.indices.contains { left in
        places.indices.contains { right in
          let known = UInt64(min(44, 32 + min(bits[places[left].part], bits[places[right].part])))
          return parts[places[left].part].date != parts[places[right].part].date
            && (places[left].hash ^ places[right].hash) >> (64 - known) == 0
        }
      }
    if !isSuspected { return }
    found.prefixes.insert(places[0].hash & Suspected.mask)
    found.parts.formUnion(places.map(\.part))
  }

  /// The places of hashes in about ascending order: by their first 40 bits.
  private func radixOrder(_ hashes: [UInt64]) -> [Int] {
    precondition(hashes.count < 1 << 24, "\(hashes.count) keys at once")
    var words = hashes.indices.map { hashes[$0] & ~0xFF_FFFF | UInt64($0) }
    radixSort(&words, from: 24, bits: 40)
    return words.map { Int($0 & 0xFF_FFFF) }
  }
}
