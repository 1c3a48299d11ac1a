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
    case .uuid(let values): taken = .uuid(values.taking(rows))
    case .uuidList(let lists): taken = .uuidList(lists.taking(rows))
    case .text(let values):
      if let codes = values.codes {
        taken = .text(
          TextStorage(
            bytes: values.bytes, offsets: values.offsets, codes: rows.map { codes[$0] }))
      } else {
        var copy = TextStorage()
        copy.offsets.reserveCapacity(rows.count + 1)
        for row in rows {
          copy.bytes.append(contentsOf: values.entry(row))
          copy.offsets.append(copy.bytes.count)
        }
        taken = .text(copy)
      }
    }
    return Column(field, taken, validity: validity?.taking(rows))
  }
}

extension UUIDStorage {
  /// The rows at the given indices; the dictionary stays whole.
  fileprivate func taking(_ rows: [Int]) -> UUIDStorage {
    guard let codes else { return UUIDStorage(values: rows.map { values[$0] }) }
    return UUIDStorage(values: values, codes: rows.map { codes[$0] })
  }
}

extension UUIDListStorage {
  /// The lists at the given indices.
  fileprivate func taking(_ rows: [Int]) -> UUIDListStorage {
    var offsets = [0]
    offsets.reserveCapacity(rows.count + 1)
    for row in rows { offsets.append(offsets[offsets.count - 1] + positions(row).count) }
    return UUIDListStorage(elements: elements.taking(rows.flatMap(positions)), offsets: offsets)
  }
}
