/// Reads the Thrift compact protocol, in which Parquet writes its footer and page headers.
///
/// - SeeAlso: Apache Thrift, "Thrift compact protocol encoding"
///   (doc/specs/thrift-compact-protocol.md).
struct CompactReader {
  /// The bytes and the position in them.
  var input: ByteReader
  /// How deep structures may nest; Parquet itself needs 7.
  private static let maximumDepth = 24

  /// A field's number and the type of its value.
  struct FieldHeader {
    var id: Int
    var type: CompactType
  }

  /// The next field of a structure, `nil` at its end; `last` is the number of the field before.
  mutating func field(after last: inout Int) throws(DecodingFault) -> FieldHeader? {
    let byte = try input.byte()
    if byte == 0 { return nil }
    let type = try CompactType(nibble: byte & 15)
    let delta = Int(byte >> 4)
    let id = delta == 0 ? Int(truncatingIfNeeded: try input.zigzag()) : last + delta
    guard id > 0, id <= 32767 else { throw .corrupt("field number \(id)") }
    last = id
    return FieldHeader(id: id, type: type)
  }

  /// The value of a boolean field, which its header holds.
  func bool(_ field: FieldHeader) throws(DecodingFault) -> Bool {
    switch field.type {
    case .true: true
    case .false: false
    default: throw .corrupt("field \(field.id) is no boolean")
    }
  }

  /// The value of a whole-number field of any width.
  mutating func integer(_ field: FieldHeader) throws(DecodingFault) -> Int64 {
    switch field.type {
    case .int8: return Int64(Int8(bitPattern: try input.byte()))
    case .int16, .int32, .int64: return try input.zigzag()
    default: throw .corrupt("field \(field.id) is no whole number")
    }
  }

  /// The value of a whole-number field that fits 32 bits.
  mutating func int32(_ field: FieldHeader) throws(DecodingFault) -> Int32 {
    guard let value = Int32(exactly: try integer(field)) else {
      throw .corrupt("field \(field.id) does not fit 32 bits")
    }
    return value
  }

  /// The value of a whole-number field that counts something.
  mutating func count(_ field: FieldHeader) throws(DecodingFault) -> Int {
    let value = try integer(field)
    guard value >= 0 else { throw .corrupt("field \(field.id) is negative") }
    return Int(value)
  }

  /// The bytes of a binary field.
  mutating func binary(_ field: FieldHeader) throws(DecodingFault) -> [UInt8] {
    guard field.type == .binary else { throw .corrupt("field \(field.id) is no byte string") }
    return try binary()
  }

  /// The text of a binary field.
  mutating func string(_ field: FieldHeader) throws(DecodingFault) -> String {
    String(decoding: try binary(field), as: UTF8.self)
  }

  /// The bytes of a list element.
  mutating func binary() throws(DecodingFault) -> [UInt8] {
    let length = try input.variableLength()
    return Array(input.bytes[try input.take(Int(clamping: length))])
  }

  /// Opens a list field whose elements have the given type; the number of elements.
  ///
  /// Each element takes at least one byte, so that no count beyond the bytes left is believed.
  mutating func list(_ field: FieldHeader, of type: CompactType) throws(DecodingFault) -> Int {
    guard field.type == .list else { throw .corrupt("field \(field.id) is no list") }
    let header = try listHeader()
    guard header.type == type || header.count == 0 else {
      throw .corrupt("field \(field.id) lists the wrong type")
    }
    return header.count
  }

  /// Checks that a field opens a structure.
  func expectStructure(_ field: FieldHeader) throws(DecodingFault) {
    guard field.type == .structure else { throw .corrupt("field \(field.id) is no structure") }
  }

  /// Passes over the value of a field.
  mutating func skip(_ field: FieldHeader) throws(DecodingFault) {
    try skip(field.type, isElement: false, depth: 0)
  }

  private mutating func listHeader() throws(DecodingFault) -> (count: Int, type: CompactType) {
    let byte = try input.byte()
    var count = Int(byte >> 4)
    if count == 15 { count = Int(clamping: try input.variableLength()) }
    guard count <= input.remaining else { throw .corrupt("a list is longer than the data") }
    // Older writers use 0 for the type of an empty list.
    let type = byte & 15 == 0 && count == 0 ? .true : try CompactType(nibble: byte & 15)
    return (count, type)
  }

  private mutating func skip(
    _ type: CompactType, isElement: Bool, depth: Int
  ) throws(DecodingFault) {
    guard depth < CompactReader.maximumDepth else { throw .corrupt("structures nest too deep") }
    switch type {
    case .true, .false: if isElement { _ = try input.byte() }
    case .int8: _ = try input.byte()
    case .int16, .int32, .int64: _ = try input.variableLength()
    case .double: _ = try input.take(8)
    case .uuid: _ = try input.take(16)
    case .binary: _ = try input.take(Int(clamping: try input.variableLength()))
    case .list, .set:
      let header = try listHeader()
      for _ in 0..<header.count { try skip(header.type, isElement: true, depth: depth + 1) }
    case .map:
      let count = Int(clamping: try input.variableLength())
      guard count <= input.remaining else { throw .corrupt("a map is longer than the data") }
      if count == 0 { return }
      let types = try input.byte()
      let key = try CompactType(nibble: types >> 4)
      let value = try CompactType(nibble: types & 15)
      for _ in 0..<count {
        try skip(key, isElement: true, depth: depth + 1)
        try skip(value, isElement: true, depth: depth + 1)
      }
    case .structure:
      var last = 0
      while let field = try field(after: &last) {
        try skip(field.type, isElement: false, depth: depth + 1)
      }
    }
  }
}

/// The types of the Thrift compact protocol.
enum CompactType: UInt8 {
  case `true` = 1
  case `false` = 2
  case int8 = 3
  case int16 = 4
  case int32 = 5
  case int64 = 6
  case double = 7
  case binary = 8
  case list = 9
  case set = 10
  case map = 11
  case structure = 12
  case uuid = 13

  init(nibble: UInt8) throws(DecodingFault) {
    guard let type = CompactType(rawValue: nibble) else {
      throw .corrupt("unknown field type \(nibble)")
    }
    self = type
  }
}
