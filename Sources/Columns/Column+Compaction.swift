import AlmanacCore

extension Batch {
  /// The same rows with each dictionary rebuilt: entries in order of first use, unused ones gone;
  /// identifiers that repeat get one; decimals that all fit 64 bits are stored in as many.
  ///
  /// Rows that were filtered or sorted carry the dictionary of all rows they came from. After
  /// this, equal rows in equal order have equal storage, and a dictionary that saves nothing (more
  /// than three entries for four rows) is plain.
  package func compacted() -> Batch {
    Batch(columns.map { $0.compacted() }, rowCount: rowCount)
  }
}

extension Column {
  /// The column with its dictionary rebuilt; see ``Batch/compacted()``.
  func compacted() -> Column {
    switch storage {
    case .text(let values):
      guard let codes = values.codes else { return self }
      let (remapped, used) = recoded(codes, validity, entryCount: values.entryCount)
      var rebuilt = TextStorage(codes: remapped)
      for entry in used {
        rebuilt.bytes.append(contentsOf: values.entry(entry))
        rebuilt.offsets.append(rebuilt.bytes.count)
      }
      if !ColumnBuilder.dictionarySaves(entries: used.count, rows: rowCount) {
        rebuilt = rebuilt.plain(validity: validity)
      }
      return Column(field, .text(rebuilt), validity: validity)
    case .uuid(let values):
      return Column(field, .uuid(values.compacted(validity)), validity: validity)
    case .uuidList(let lists):
      let elements = lists.elements.compacted(nil)
      return Column(
        field, .uuidList(UUIDListStorage(elements: elements, offsets: lists.offsets)),
        validity: validity)
    case .int128(let values):
      let narrow = values.compactMap { Int64(exactly: $0) }
      return narrow.count == values.count ? Column(field, .int64(narrow), validity: validity) : self
    default: return self
    }
  }
}

extension UUIDStorage {
  /// The identifiers with a dictionary of those in use, or without one where it saves nothing.
  fileprivate func compacted(_ validity: ValidityBitmap?) -> UUIDStorage {
    guard let codes else { return coded(validity) ?? self }
    let (remapped, used) = recoded(codes, validity, entryCount: values.count)
    let rebuilt = UUIDStorage(values: used.map { values[$0] }, codes: remapped)
    let saves = ColumnBuilder.dictionarySaves(entries: used.count, rows: rowCount)
    return saves ? rebuilt : rebuilt.plain(validity: validity)
  }

  /// Plain identifiers with a dictionary, or `nil` if that saves nothing.
  ///
  /// The wire decoder gives a dictionary up by the rows of one batch; a whole day may well repeat
  /// what a batch does not.
  private func coded(_ validity: ValidityBitmap?) -> UUIDStorage? {
    var entries: [UUIDValue: UInt32] = [:]
    var coded = UUIDStorage(codes: [])
    for row in values.indices {
      if let validity, !validity[row] {
        coded.codes?.append(0)
      } else if let code = entries[values[row]] {
        coded.codes?.append(code)
      } else {
        let code = UInt32(coded.values.count)
        coded.values.append(values[row])
        if !ColumnBuilder.dictionarySaves(entries: coded.values.count, rows: rowCount) {
          return nil
        }
        entries[values[row]] = code
        coded.codes?.append(code)
      }
    }
    return coded
  }
}

/// Codes numbered by first use, and the old entry of each new code; a null row gets code 0.
private func recoded(
  _ codes: [UInt32], _ validity: ValidityBitmap?, entryCount: Int
) -> (codes: [UInt32], used: [Int]) {
  // A few rows of a large dictionary are not worth a table as large as the dictionary.
  codes.count < entryCount / 8
    ? recoded(codes, validity, through: SparseCodes())
    : recoded(codes, validity, through: DenseCodes(entryCount))
}

private func recoded(
  _ codes: [UInt32], _ validity: ValidityBitmap?, through table: consuming some CodeTable
) -> (codes: [UInt32], used: [Int]) {
  var table = table
  var used: [Int] = []
  var recoded = codes
  for row in codes.indices {
    if let validity, !validity[row] {
      recoded[row] = 0
    } else if let code = table[codes[row]] {
      recoded[row] = code
    } else {
      recoded[row] = UInt32(used.count)
      table[codes[row]] = recoded[row]
      used.append(Int(codes[row]))
    }
  }
  return (recoded, used)
}

/// New codes by old ones.
private protocol CodeTable {
  subscript(code: UInt32) -> UInt32? { get set }
}

/// A slot for each old code.
private struct DenseCodes: CodeTable {
  private var slots: [UInt32]

  init(_ count: Int) {
    slots = [UInt32](repeating: .max, count: count)
  }

  subscript(code: UInt32) -> UInt32? {
    get { slots[Int(code)] == .max ? nil : slots[Int(code)] }
    set { slots[Int(code)] = newValue ?? .max }
  }
}

/// A slot for each old code in use.
private struct SparseCodes: CodeTable {
  private var slots: [UInt32: UInt32] = [:]

  subscript(code: UInt32) -> UInt32? {
    get { slots[code] }
    set { slots[code] = newValue }
  }
}
