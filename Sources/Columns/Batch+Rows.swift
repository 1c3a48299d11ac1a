extension Batch {
  /// The rows at the given indices, in the given order.
  package func taking(_ rows: [Int]) -> Batch {
    Batch(columns.map { $0.taking(rows) }, rowCount: rows.count)
  }

  /// The rows of several batches with equal fields, one batch after the other.
  ///
  /// Dictionaries are merged in order of first appearance. With no batch the result has no column.
  package static func concatenating(_ batches: [Batch]) -> Batch {
    guard let first = batches.first else { return Batch([]) }
    if batches.count == 1 { return first }
    for batch in batches {
      precondition(batch.fields == first.fields, "batches of different fields")
    }
    return Batch(
      first.columns.indices.map { index in
        Column.concatenating(batches.map { $0.columns[index] })
      }, rowCount: batches.reduce(0) { $0 + $1.rowCount })
  }

  /// The indices of the rows in ascending order of the named columns.
  ///
  /// Nulls come last, ties in row order. The most significant column is named first; each must
  /// exist.
  package func order(by names: [String]) -> [Int] {
    let keys = names.map { name in
      guard let column = self[name] else { preconditionFailure("no column \(name) to order by") }
      return column.sortRanks()
    }
    var rows = Array(0..<rowCount)
    rows.sort { left, right in
      for ranks in keys {
        if ranks[left] != ranks[right] { return ranks[left] < ranks[right] }
      }
      return left < right
    }
    return rows
  }
}

extension Column {
  /// The rows at the given indices, in the given order.
  package func taking(_ rows: [Int]) -> Column {
    let taken: ColumnStorage
    switch storage {
    case .bool(let values): taken = .bool(rows.map { values[$0] })
    case .int32(let values): taken = .int32(rows.map { values[$0] })
    case .int64(let values): taken = .int64(rows.map { values[$0] })
    case .int128(let values): taken = .int128(rows.map { values[$0] })
    case .float32(let values): taken = .float32(rows.map { values[$0] })
    case .float64(let values): taken = .float64(rows.map { values[$0] })
    case .uuid(let values):
      if let codes = values.codes {
        taken = .uuid(UUIDStorage(values: values.values, codes: rows.map { codes[$0] }))
      } else {
        taken = .uuid(UUIDStorage(values: rows.map { values.values[$0] }))
      }
    case .text(let values):
      if let codes = values.codes {
        taken = .text(
          TextStorage(
            bytes: values.bytes, offsets: values.offsets, codes: rows.map { codes[$0] }))
      } else {
        var copy = TextStorage()
        for row in rows {
          copy.bytes.append(contentsOf: values.entry(row))
          copy.offsets.append(copy.bytes.count)
        }
        taken = .text(copy)
      }
    }
    guard let validity else { return Column(field, taken) }
    var bits = ValidityBitmap(repeating: false, count: 0)
    for row in rows { bits.append(validity[row]) }
    return Column(field, taken, validity: bits)
  }

  /// Numbers that order the rows as their values do; nulls get the highest.
  ///
  /// Equal values get equal numbers.
  func sortRanks() -> [Int64] {
    var ranks: [Int64]
    switch storage {
    case .bool(let values): ranks = values.map { $0 ? 1 : 0 }
    case .int32(let values): ranks = values.map { Int64($0) }
    case .int64(let values): ranks = values
    case .int128(let values): ranks = denseRanks(values)
    case .float32(let values): ranks = denseRanks(values)
    case .float64(let values): ranks = denseRanks(values)
    case .uuid(let values):
      let entryRanks = denseRanks(values.values)
      ranks = values.codes.map { spread(entryRanks, over: $0) } ?? entryRanks
    case .text(let values):
      let entries = (0..<values.entryCount).map(values.entry)
      var order = Array(entries.indices)
      order.sort { entries[$0].lexicographicallyPrecedes(entries[$1]) }
      var entryRanks = [Int64](repeating: 0, count: entries.count)
      var rank: Int64 = 0
      for (position, entry) in order.enumerated() {
        if position > 0, entries[order[position - 1]] != entries[entry] { rank += 1 }
        entryRanks[entry] = rank
      }
      ranks = values.codes.map { spread(entryRanks, over: $0) } ?? entryRanks
    }
    if let validity {
      for row in ranks.indices where !validity[row] { ranks[row] = .max }
    }
    return ranks
  }

  /// The rows of several columns of one field, one column after the other.
  static func concatenating(_ columns: [Column]) -> Column {
    let field = columns[0].field
    var builder = ColumnBuilder(field)
    for column in columns { builder.append(contentsOf: column) }
    return builder.finish()
  }
}

/// The rank of each row's entry; the code of a null may name no entry, and gets any rank.
private func spread(_ entryRanks: [Int64], over codes: [UInt32]) -> [Int64] {
  codes.map { Int($0) < entryRanks.count ? entryRanks[Int($0)] : .max }
}

/// The position of each value among the distinct values in ascending order.
private func denseRanks<Value: Comparable>(_ values: [Value]) -> [Int64] {
  var order = Array(values.indices)
  order.sort { values[$0] < values[$1] }
  var ranks = [Int64](repeating: 0, count: values.count)
  var rank: Int64 = 0
  for (position, index) in order.enumerated() {
    if position > 0, values[order[position - 1]] < values[index] { rank += 1 }
    ranks[index] = rank
  }
  return ranks
}
