/// Writes the Thrift compact protocol; fields of a structure are given in ascending order.
struct CompactWriter {
  /// What is written so far.
  private(set) var bytes: [UInt8] = []
  /// The number of the last field of each open structure, outermost first.
  private var lastFields = [0]

  /// A boolean field.
  mutating func bool(_ id: Int, _ value: Bool) {
    header(id, value ? .true : .false)
  }

  /// A field of 8 bits.
  mutating func int8(_ id: Int, _ value: Int8) {
    header(id, .int8)
    bytes.append(UInt8(bitPattern: value))
  }

  /// A field of 16 bits.
  mutating func int16(_ id: Int, _ value: Int) {
    header(id, .int16)
    bytes.appendZigzag(Int64(value))
  }

  /// A field of 32 bits.
  mutating func int32(_ id: Int, _ value: Int32) {
    header(id, .int32)
    bytes.appendZigzag(Int64(value))
  }

  /// A field of 64 bits.
  mutating func int64(_ id: Int, _ value: Int) {
    header(id, .int64)
    bytes.appendZigzag(Int64(value))
  }

  /// A field of bytes.
  mutating func binary(_ id: Int, _ value: [UInt8]) {
    header(id, .binary)
    element(value)
  }

  /// A field of text.
  mutating func string(_ id: Int, _ value: String) {
    binary(id, Array(value.utf8))
  }

  /// The head of a list field; its elements follow.
  mutating func list(_ id: Int, of type: CompactType, count: Int) {
    header(id, .list)
    if count < 15 {
      bytes.append(UInt8(count) << 4 | type.rawValue)
    } else {
      bytes.append(0xF0 | type.rawValue)
      bytes.appendVariableLength(UInt64(count))
    }
  }

  /// A list element of 32 bits.
  mutating func element(_ value: Int32) {
    bytes.appendZigzag(Int64(value))
  }

  /// A list element of bytes.
  mutating func element(_ value: [UInt8]) {
    bytes.appendVariableLength(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  /// A structure field whose own fields `body` writes.
  mutating func structure(_ id: Int, _ body: (inout CompactWriter) -> Void) {
    header(id, .structure)
    element(body)
  }

  /// A structure as a list element, or at the top.
  mutating func element(_ body: (inout CompactWriter) -> Void) {
    lastFields.append(0)
    body(&self)
    lastFields.removeLast()
    bytes.append(0)
  }

  private mutating func header(_ id: Int, _ type: CompactType) {
    let last = lastFields[lastFields.count - 1]
    precondition(id > last, "field \(id) after field \(last)")
    if id - last <= 15 {
      bytes.append(UInt8(id - last) << 4 | type.rawValue)
    } else {
      bytes.append(type.rawValue)
      bytes.appendZigzag(Int64(id))
    }
    lastFields[lastFields.count - 1] = id
  }
}
