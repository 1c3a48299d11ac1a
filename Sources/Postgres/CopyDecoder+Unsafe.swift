import Columns

extension CopyDecoder {
  /// Takes the next bytes of the stream.
  package mutating func consume(_ bytes: [UInt8]) throws(PostgresError) {
    try consume(bytes[...])
  }

  /// Takes the next bytes of the stream.
  package mutating func consume(_ bytes: ArraySlice<UInt8>) throws(PostgresError) {
    try unsafe bytes.span.withUnsafeBytes { buffer throws(PostgresError) in
      try unsafe consume(buffer)
    }
  }

  /// Takes the next bytes of the stream from memory that stays valid for the call.
  mutating func consume(_ bytes: UnsafeRawBufferPointer) throws(PostgresError) {
    if let failure { throw failure }
    guard let base = bytes.baseAddress, unsafe !bytes.isEmpty else { return }
    byteCount += bytes.count
    if pending.isEmpty {
      let used = try unsafe decode(base, count: bytes.count)
      if used < bytes.count {
        unsafe pending.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[used...]))
      }
      return
    }
    unsafe pending.append(contentsOf: bytes)
    guard pending.count >= needed else { return }
    var held: [UInt8] = []
    swap(&held, &pending)
    let used = try unsafe held.span.withUnsafeBytes { buffer throws(PostgresError) -> Int in
      guard let base = buffer.baseAddress else { return 0 }
      return try unsafe decode(base, count: buffer.count)
    }
    if used < held.count {
      held.removeFirst(used)
      pending = held
    }
  }

  /// Decodes what is complete within `count` readable bytes; how many bytes that was.
  private mutating func decode(
    _ base: UnsafeRawPointer, count: Int
  ) throws(PostgresError) -> Int {
    var position = 0
    while position < count {
      switch phase {
      case .header:
        guard count - position >= copyHeaderLength else {
          needed = copyHeaderLength
          return position
        }
        let length = try unsafe header(base + position)
        position += copyHeaderLength
        phase = length > 0 ? .extensionArea(length) : .rows
      case .extensionArea(let length):
        let skipped = min(length, count - position)
        position += skipped
        phase = skipped < length ? .extensionArea(length - skipped) : .rows
      case .rows:
        guard let length = try unsafe rowLength(base + position, count: count - position) else {
          return position
        }
        if length == 0 {
          phase = .ended
          position += 2
        } else {
          try unsafe decodeRow(base + position)
          position += length
          rowCount += 1
          batchBytes += length
          if columns.rowCount == rowsPerBatch || batchBytes >= CopyDecoder.maximumBatchBytes {
            finishBatch()
          }
        }
      case .ended: throw fail(.trailingBytes)
      }
    }
    needed = 0
    return position
  }

  /// Checks the header; the length of its extension.
  private mutating func header(_ start: UnsafeRawPointer) throws(PostgresError) -> Int {
    for (index, byte) in copySignature.enumerated() {
      if unsafe (start + index).load(as: UInt8.self) != byte { throw fail(.signature) }
    }
    let flags = unsafe UInt32(bigEndian: (start + 11).loadUnaligned(as: UInt32.self))
    // The high half are flags that change the format, such as oids in front of each row.
    if flags & 0xFFFF_0000 != 0 { throw fail(.flags) }
    let length = unsafe Int32(bigEndian: (start + 15).loadUnaligned(as: Int32.self))
    if length < 0 { throw fail(.length) }
    return Int(length)
  }

  /// The number of bytes of the row that begins at `start`: 0 for the end marker, `nil` if the row
  /// is not complete within `count` bytes.
  @inline(__always)
  private mutating func rowLength(
    _ start: UnsafeRawPointer, count: Int
  ) throws(PostgresError) -> Int? {
    guard count >= 2 else {
      needed = 2
      return nil
    }
    let fieldCount = unsafe Int(Int16(bigEndian: start.loadUnaligned(as: Int16.self)))
    if fieldCount != fields.count {
      if fieldCount == -1 { return 0 }
      throw fail(.fieldCount(expected: fields.count, found: fieldCount))
    }
    var position = 2
    for _ in 0..<fieldCount {
      guard count - position >= 4 else {
        needed = position + 4
        return nil
      }
      let length = unsafe Int(Int32(bigEndian: (start + position).loadUnaligned(as: Int32.self)))
      position += 4
      if length > 0 {
        if length > maximumCopyFieldLength { throw fail(.length) }
        position += length
      } else if length < -1 {
        throw fail(.length)
      }
    }
    guard position <= count else {
      needed = position
      return nil
    }
    return position
  }

  /// Decodes a row that is known to be complete.
  @inline(__always)
  private mutating func decodeRow(_ start: UnsafeRawPointer) throws(PostgresError) {
    if let (column, problem) = unsafe columns.decodeRow(start + 2) {
      let error = PostgresError.unsuitableValue(
        ValueFailure(
          source: source, column: fields[column].name, row: rowCount + 1,
          key: unsafe key(ofRow: start), problem: problem))
      failure = error
      throw error
    }
  }

  /// The key of a complete row as text, `nil` where none was asked for.
  private func key(ofRow start: UnsafeRawPointer) -> String? {
    guard !keyColumns.isEmpty else { return nil }
    var values: [String] = []
    var position = 2
    for column in fields.indices {
      let length = unsafe Int(Int32(bigEndian: (start + position).loadUnaligned(as: Int32.self)))
      position += 4
      let size = max(0, length)
      if keyColumns.contains(column) {
        let bytes = unsafe Array(UnsafeRawBufferPointer(start: start + position, count: size))
        values.append(
          "\(fields[column].name)=" + (length < 0 ? "null" : keyText(bytes, wireTypes[column])))
      }
      position += size
    }
    return values.joined(separator: ", ")
  }
}

/// The columns of the batch being decoded, of one length.
@safe
struct DecodingColumns: ~Copyable {
  private let columns: UnsafeMutablePointer<DecodingColumn>
  private let count: Int
  private let maximumRows: Int
  private let identifierColumns: [Int]
  private var capacity: Int
  /// The number of rows so far.
  private(set) var rowCount = 0

  /// Columns without rows; every wire type must be readable as its field's type.
  init(_ fields: [Field], _ wireTypes: [WireType], rowsPerBatch: Int) {
    count = fields.count
    maximumRows = rowsPerBatch
    capacity = min(rowsPerBatch, 1024)
    unsafe columns = .allocate(capacity: fields.count)
    for (index, (field, wire)) in zip(fields, wireTypes).enumerated() {
      guard
        let column = DecodingColumn(
          field, wire: wire, capacity: capacity, rowsPerBatch: rowsPerBatch)
      else {
        preconditionFailure("\(wire) cannot be read as \(field.type)")
      }
      unsafe (columns + index).initialize(to: column)
    }
    let all = unsafe columns
    identifierColumns = fields.indices.filter { unsafe all[$0].hasIdentifiers }
  }

  deinit {
    unsafe columns.deinitialize(count: count)
    unsafe columns.deallocate()
  }

  /// Decodes the fields of a complete row; the first column with a problem, if there is one.
  @inline(__always)
  mutating func decodeRow(
    _ start: UnsafeRawPointer
  ) -> (column: Int, problem: ValueFailure.Problem)? {
    if rowCount == capacity { grow() }
    var cursor = unsafe start
    for index in 0..<count {
      let length = unsafe Int(Int32(bigEndian: cursor.loadUnaligned(as: Int32.self)))
      unsafe cursor += 4
      if length < 0 {
        if let problem = unsafe columns[index].decodeNull(row: rowCount) { return (index, problem) }
      } else {
        if let problem = unsafe columns[index].decode(cursor, length: length, row: rowCount) {
          return (index, problem)
        }
        unsafe cursor += length
      }
    }
    rowCount += 1
    if rowCount % IdentifierTable.blockRows == 0 { codeIdentifiers() }
    return nil
  }

  @inline(never)
  private mutating func codeIdentifiers() {
    for index in identifierColumns { unsafe columns[index].codeIdentifiers(rows: rowCount) }
  }

  @inline(never)
  private mutating func grow() {
    let larger = min(capacity * 2, maximumRows)
    for index in 0..<count { unsafe columns[index].grow(to: larger, rows: rowCount) }
    capacity = larger
  }

  /// The rows so far as a batch; there are none after that.
  mutating func take() -> Batch {
    var taken: [Column] = []
    for index in 0..<count { unsafe taken.append(columns[index].take(rows: rowCount)) }
    let rows = rowCount
    rowCount = 0
    return Batch(taken, rowCount: rows)
  }

  /// The number of rounded values of each column.
  func roundedValues() -> [(name: String, count: Int)] {
    (0..<count).map { unsafe (columns[$0].field.name, columns[$0].roundedValues) }
  }
}
