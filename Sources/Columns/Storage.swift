package import AlmanacCore

/// Byte strings of a column, dictionary-coded while values repeat, plain after that.
///
/// Entry `e` is `bytes[offsets[e]..<offsets[e + 1]]`. With `codes` row `r` holds entry `codes[r]`;
/// without, row `r` holds entry `r`. The code of a null row means nothing.
package struct TextStorage: Hashable, Sendable {
  /// The bytes of all entries, one after the other.
  package var bytes: [UInt8]
  /// Where each entry begins, and at the end where the last one ends; never empty.
  package var offsets: [Int]
  /// The entry of each row, or `nil` when each row has an entry of its own.
  package var codes: [UInt32]?

  /// Storage of the given parts.
  package init(bytes: [UInt8] = [], offsets: [Int] = [0], codes: [UInt32]? = nil) {
    precondition(!offsets.isEmpty, "offsets end with the end of the last entry")
    self.bytes = bytes
    self.offsets = offsets
    self.codes = codes
  }

  /// The number of entries.
  package var entryCount: Int { offsets.count - 1 }
  /// The number of rows.
  package var rowCount: Int { codes?.count ?? entryCount }

  /// The bytes of an entry.
  package func entry(_ index: Int) -> ArraySlice<UInt8> {
    bytes[offsets[index]..<offsets[index + 1]]
  }

  /// The bytes of a row that is not null.
  package func row(_ row: Int) -> ArraySlice<UInt8> {
    entry(codes.map { Int($0[row]) } ?? row)
  }
}

/// Identifiers of a column, dictionary-coded while values repeat, plain after that.
package struct UUIDStorage: Hashable, Sendable {
  /// The entries.
  package var values: [UUIDValue]
  /// The entry of each row, or `nil` when each row has an entry of its own.
  package var codes: [UInt32]?

  /// Storage of the given parts.
  package init(values: [UUIDValue] = [], codes: [UInt32]? = nil) {
    self.values = values
    self.codes = codes
  }

  /// The number of rows.
  package var rowCount: Int { codes?.count ?? values.count }

  /// The identifier of a row that is not null.
  package func row(_ row: Int) -> UUIDValue {
    values[codes.map { Int($0[row]) } ?? row]
  }
}

/// Lists of identifiers of a column.
///
/// Row `r` holds the elements `offsets[r]..<offsets[r + 1]`; a null row holds none.
package struct UUIDListStorage: Hashable, Sendable {
  /// The elements of all rows, one after the other.
  package var elements: UUIDStorage
  /// Where the list of each row begins, and at the end where the last one ends; never empty.
  package var offsets: [Int]

  /// Storage of the given parts.
  package init(elements: UUIDStorage = UUIDStorage(), offsets: [Int] = [0]) {
    precondition(
      offsets.first == 0 && offsets.last == elements.rowCount, "the lists hold all elements")
    self.elements = elements
    self.offsets = offsets
  }

  /// The number of rows.
  package var rowCount: Int { offsets.count - 1 }

  /// The positions of a row's elements.
  package func positions(_ row: Int) -> Range<Int> { offsets[row]..<offsets[row + 1] }

  /// The list of a row.
  package func row(_ row: Int) -> [UUIDValue] { positions(row).map { elements.row($0) } }
}

/// The values of a column; the slot of a null row holds zero.
package enum ColumnStorage: Hashable, Sendable {
  /// Booleans.
  case bool([Bool])
  /// `int16`, `int32` and `date` (days since 1970-01-01).
  case int32([Int32])
  /// `int64`, `timestamp` (microseconds since 1970-01-01 UTC) and `decimal` within 64 bits.
  case int64([Int64])
  /// `decimal` values of a batch in which at least one does not fit 64 bits.
  case int128([Int128])
  /// `float32`.
  case float32([Float])
  /// `float64`.
  case float64([Double])
  /// `text`, `json` and `bytes`.
  case text(TextStorage)
  /// `uuid`.
  case uuid(UUIDStorage)
  /// `uuidList`.
  case uuidList(UUIDListStorage)

  /// The number of rows.
  package var rowCount: Int {
    switch self {
    case .bool(let values): values.count
    case .int32(let values): values.count
    case .int64(let values): values.count
    case .int128(let values): values.count
    case .float32(let values): values.count
    case .float64(let values): values.count
    case .text(let values): values.rowCount
    case .uuid(let values): values.rowCount
    case .uuidList(let lists): lists.rowCount
    }
  }

  /// Whether values of `type` may be stored this way.
  package func fits(_ type: ColumnType) -> Bool {
    switch (self, type) {
    case (.bool, .bool), (.int32, .int16), (.int32, .int32), (.int32, .date), (.int64, .int64),
      (.int64, .timestamp), (.int64, .decimal), (.int128, .decimal), (.float32, .float32),
      (.float64, .float64), (.text, .text), (.text, .json), (.text, .bytes), (.uuid, .uuid),
      (.uuidList, .uuidList):
      true
    default: false
    }
  }
}
