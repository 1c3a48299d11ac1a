import AlmanacCore

extension Batch {
  /// The indices of the rows in ascending order of the named columns.
  ///
  /// Values order as in PostgreSQL with the `C` collation: `NaN` after every other number, nulls
  /// last, ties in row order. The most significant column is named first; each must exist. Takes
  /// time linear in the rows for columns that are neither plain text nor lists.
  package func order(by names: [String]) -> [Int] {
    precondition(rowCount < Int(UInt32.max), "\(rowCount) rows are too many to order")
    var rows = Array(0..<UInt32(rowCount))
    // The least significant column first: each later sort keeps the order of its ties.
    for name in names.reversed() {
      guard let column = self[name] else { preconditionFailure("no column \(name) to order by") }
      for keys in column.sortKeys() { RadixOrder.sort(&rows, by: keys) }
      if let validity = column.validity {
        rows = rows.filter { validity[Int($0)] } + rows.filter { !validity[Int($0)] }
      }
    }
    return rows.map { Int($0) }
  }
}

extension Column {
  /// Numbers that order the rows as their values do, the least significant ones first.
  ///
  /// Equal values get equal numbers; those of null rows mean nothing.
  fileprivate func sortKeys() -> [[UInt64]] {
    switch storage {
    case .bool(let values): return [values.map { $0 ? 1 : 0 }]
    case .int32(let values): return [values.map { UInt64(bitPattern: Int64($0)) ^ 1 << 63 }]
    case .int64(let values): return [values.map { UInt64(bitPattern: $0) ^ 1 << 63 }]
    case .int128(let values):
      return [
        values.map { UInt64(truncatingIfNeeded: $0) },
        values.map { UInt64(truncatingIfNeeded: $0 >> 64) ^ 1 << 63 },
      ]
    case .float32(let values): return [values.map { floatingKey(Double($0)) }]
    case .float64(let values): return [values.map(floatingKey)]
    case .uuid(let storage):
      guard let codes = storage.codes else {
        return [storage.values.map(\.low), storage.values.map(\.high)]
      }
      return [keys(codes, entryRanks: denseRanks(storage.values, by: <))]
    case .uuidList(let lists):
      return [denseRanks((0..<rowCount).map(lists.row)) { $0.lexicographicallyPrecedes($1) }]
    case .text(let storage):
      let ranks = denseRanks((0..<storage.entryCount).map { TextKey(storage.entry($0)) }, by: <)
      return [storage.codes.map { keys($0, entryRanks: ranks) } ?? ranks]
    }
  }

  private func keys(_ codes: [UInt32], entryRanks: [UInt64]) -> [UInt64] {
    guard let validity else { return codes.map { entryRanks[Int($0)] } }
    return codes.indices.map { validity[$0] ? entryRanks[Int(codes[$0])] : 0 }
  }
}

/// A text with its first eight bytes as a number, which decides most comparisons.
private struct TextKey: Comparable {
  let prefix: UInt64
  let bytes: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    let start = bytes.prefix(8)
    prefix = start.reduce(0) { $0 << 8 | UInt64($1) } << UInt64(8 * (8 - start.count))
  }

  static func < (left: TextKey, right: TextKey) -> Bool {
    left.prefix != right.prefix
      ? left.prefix < right.prefix : left.bytes.lexicographicallyPrecedes(right.bytes)
  }
}

/// A number that orders as floating-point values do, both zeros equal and `NaN` last.
private func floatingKey(_ value: Double) -> UInt64 {
  if value.isNaN { return .max }
  let bits = (value == 0 ? 0 : value).bitPattern
  return bits >> 63 == 1 ? ~bits : bits | 1 << 63
}

/// The position of each value among the distinct values in ascending order.
private func denseRanks<Value>(
  _ values: [Value], by precedes: (Value, Value) -> Bool
) -> [UInt64] {
  let order = values.indices.sorted { precedes(values[$0], values[$1]) }
  var ranks = [UInt64](repeating: 0, count: values.count)
  var rank: UInt64 = 0
  for (position, index) in order.enumerated() {
    if position > 0, precedes(values[order[position - 1]], values[index]) { rank += 1 }
    ranks[index] = rank
  }
  return ranks
}
