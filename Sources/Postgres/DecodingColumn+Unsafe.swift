import AlmanacCore
import Columns

/// How the bytes of a value become a value of the column's type.
enum Reading {
  case bool
  /// A whole number of 2, 4 or 8 bytes into 32 bits.
  case narrowInteger
  /// A whole number of 2, 4 or 8 bytes into 64 bits.
  case integer
  /// A whole number into units of a decimal.
  case integerAsDecimal
  case integerAsDouble
  case float32
  case float32AsDouble
  case float64
  case decimal
  case numericAsDouble
  case text
  case jsonb
  case uuid
  case uuidArray
  case date
  case timestamp

  /// The way from a wire type to a column type; `nil` if there is none.
  init?(_ wire: WireType, as type: ColumnType) {
    guard wire.canBeRead(as: type) else { return nil }
    switch (wire, type) {
    case (.bool, _): self = .bool
    case (.float32, .float32): self = .float32
    case (.float32, _): self = .float32AsDouble
    case (.float64, _): self = .float64
    case (.numeric, .float64): self = .numericAsDouble
    case (.numeric, _): self = .decimal
    case (.text, _), (.json, _), (.bytea, _): self = .text
    case (.jsonb, _): self = .jsonb
    case (.uuid, _): self = .uuid
    case (.uuidArray, _): self = .uuidArray
    case (.date, _): self = .date
    case (.timestamp, _): self = .timestamp
    case (_, .int16), (_, .int32): self = .narrowInteger
    case (_, .decimal): self = .integerAsDecimal
    case (_, .float64): self = .integerAsDouble
    default: self = .integer
    }
  }

  /// The size of a value in the column's buffer.
  var stride: Int {
    switch self {
    case .uuidArray: 0
    case .bool: 1
    case .narrowInteger, .float32, .date, .text, .jsonb: 4
    case .uuid: 16
    default: 8
    }
  }
}

/// The values of one column of the batch being decoded, in memory of its own.
///
/// Buffers have room for `capacity` rows; the caller passes only rows below that. Raw memory is
/// used because arrays would check uniqueness and bounds at every value.
@safe
struct DecodingColumn: ~Copyable {
  let field: Field
  private let reading: Reading
  /// The number of bytes of every value; negative where it varies.
  private let width: Int
  private let isUnsigned: Bool
  private let scale: NumericScale
  private let factor: Int128
  private let isInt16: Bool
  private var values: UnsafeMutableRawPointer
  /// One bit a row, 1 for null.
  private var nulls: UnsafeMutablePointer<UInt64>
  private var capacity: Int
  private var nullCount = 0
  /// Decimals of a batch in which at least one does not fit 64 bits.
  private var wide: [Int128]?
  /// The number of decimals that were rounded, over all batches.
  private(set) var roundedValues = 0
  private var text: ByteTable
  private var identifiers: IdentifierTable
  private var lists = IdentifierLists()

  /// A column without rows; `nil` if the wire type cannot be read as the field's type.
  init?(_ field: Field, wire: WireType, capacity: Int, rowsPerBatch: Int) {
    guard let reading = Reading(wire, as: field.type) else { return nil }
    self.field = field
    self.reading = reading
    self.capacity = capacity
    width = wire.width ?? -1
    isUnsigned = wire == .uint32
    text = ByteTable(rowsPerBatch: rowsPerBatch)
    identifiers = IdentifierTable(rowsPerBatch: rowsPerBatch)
    isInt16 = field.type == .int16
    if case .decimal(let decimals) = field.type {
      scale = NumericScale(decimals)
      factor = (0..<decimals).reduce(Int128(1)) { power, _ in power * 10 }
    } else {
      scale = NumericScale(0)
      factor = 1
    }
    unsafe values = .allocate(byteCount: capacity * reading.stride, alignment: 16)
    unsafe nulls = .allocate(capacity: capacity / 64 + 1)
    unsafe nulls.initialize(repeating: 0, count: capacity / 64 + 1)
  }

  deinit {
    unsafe values.deallocate()
    unsafe nulls.deallocate()
  }

  /// Makes room for more rows, keeping the first `rows`.
  mutating func grow(to larger: Int, rows: Int) {
    let moved = UnsafeMutableRawPointer.allocate(
      byteCount: larger * reading.stride, alignment: 16)
    unsafe moved.copyMemory(from: values, byteCount: rows * reading.stride)
    unsafe values.deallocate()
    unsafe values = moved
    let bits = UnsafeMutablePointer<UInt64>.allocate(capacity: larger / 64 + 1)
    unsafe bits.initialize(repeating: 0, count: larger / 64 + 1)
    unsafe bits.update(from: nulls, count: capacity / 64 + 1)
    unsafe nulls.deallocate()
    unsafe nulls = bits
    capacity = larger
  }

  private var rowCodes: RowCodes {
    unsafe RowCodes(codes: UnsafePointer(pointer(UInt32.self)), nulls: UnsafePointer(nulls))
  }

  @inline(__always)
  private func pointer<Value>(_ type: Value.Type) -> UnsafeMutablePointer<Value> {
    unsafe values.assumingMemoryBound(to: type)
  }

  /// Adds a null as row `row`, or tells why not.
  mutating func decodeNull(row: Int) -> ValueFailure.Problem? {
    guard field.isNullable else { return .null }
    unsafe nulls[row >> 6] |= 1 << UInt64(row & 63)
    nullCount += 1
    switch reading {
    case .bool: unsafe pointer(UInt8.self)[row] = 0
    case .text, .jsonb: unsafe pointer(UInt32.self)[row] = text.codeOfNull()
    case .uuid: unsafe pointer(UUIDValue.self)[row] = .zero
    case .uuidArray: lists.appendNull()
    case .narrowInteger, .float32, .date: unsafe pointer(UInt32.self)[row] = 0
    default:
      unsafe pointer(UInt64.self)[row] = 0
      if wide != nil { wide?.append(0) }
    }
    return nil
  }

  /// Decodes the `length` readable bytes from `start` as row `row`, or tells why not.
  @inline(__always)
  mutating func decode(
    _ start: UnsafeRawPointer, length: Int, row: Int
  ) -> ValueFailure.Problem? {
    if length != width, width >= 0 { return .malformed }
    switch reading {
    case .uuid:
      unsafe pointer(UUIDValue.self)[row] = UUIDValue(bigEndian: start)
    case .text:
      unsafe pointer(UInt32.self)[row] = text.code(
        start, count: length, earlier: rowCodes, row: row)
    case .timestamp:
      let value = unsafe Int64(bigEndian: start.loadUnaligned(as: Int64.self))
      let (shifted, overflow) = value.addingReportingOverflow(microsecondsFrom1970To2000)
      if overflow || value == .min {
        return value == .max || value == .min ? .infinite : .outOfRange
      }
      unsafe pointer(Int64.self)[row] = shifted
    case .decimal:
      let decoded = unsafe decodeNumeric(start, length: length, scale: scale)
      switch decoded.outcome {
      case .exact: break
      case .rounded: roundedValues += 1
      case .wide(let value, let rounded):
        if rounded { roundedValues += 1 }
        appendWide(value, row: row)
        return nil
      case .problem(let problem): return problem
      }
      unsafe pointer(Int64.self)[row] = decoded.units
      if wide != nil { wide?.append(Int128(decoded.units)) }
    case .integer: unsafe pointer(Int64.self)[row] = integer(start, length)
    case .bool:
      unsafe pointer(UInt8.self)[row] = start.load(as: UInt8.self) == 0 ? 0 : 1
    case .float64:
      let value = unsafe Double(
        bitPattern: UInt64(bigEndian: start.loadUnaligned(as: UInt64.self)))
      if !value.isFinite { return ValueFailure.Problem(notFinite: value) }
      unsafe pointer(Double.self)[row] = value
    default: return unsafe decodeUncommon(start, length: length, row: row)
    }
    return nil
  }

  /// Whether rows are to be coded by ``codeIdentifiers(rows:)`` while they come.
  var hasIdentifiers: Bool { reading == .uuid }

  /// Gives the first `rows` identifiers their codes.
  mutating func codeIdentifiers(rows: Int) {
    unsafe identifiers.code(
      through: rows, of: UnsafePointer(pointer(UUIDValue.self)),
      nulls: nullCount > 0 ? UnsafePointer(nulls) : nil)
  }

  /// Decodes the types that do not decide the speed of an extraction.
  @inline(never)
  private mutating func decodeUncommon(
    _ start: UnsafeRawPointer, length: Int, row: Int
  ) -> ValueFailure.Problem? {
    switch reading {
    case .date:
      let value = unsafe Int32(bigEndian: start.loadUnaligned(as: Int32.self))
      let (shifted, overflow) = value.addingReportingOverflow(daysFrom1970To2000)
      if overflow || value == .min {
        return value == .max || value == .min ? .infinite : .outOfRange
      }
      unsafe pointer(Int32.self)[row] = shifted
    case .narrowInteger:
      let value = unsafe integer(start, length)
      guard let narrow = Int32(exactly: value), !isInt16 || Int16(exactly: value) != nil else {
        return .outOfRange
      }
      unsafe pointer(Int32.self)[row] = narrow
    case .integerAsDecimal:
      let (value, overflow) = unsafe Int128(integer(start, length))
        .multipliedReportingOverflow(by: factor)
      if overflow { return .outOfRange }
      guard let narrow = Int64(exactly: value) else {
        appendWide(value, row: row)
        return nil
      }
      unsafe pointer(Int64.self)[row] = narrow
      if wide != nil { wide?.append(value) }
    case .integerAsDouble:
      unsafe pointer(Double.self)[row] = Double(integer(start, length))
    case .float32, .float32AsDouble:
      let value = unsafe Float(
        bitPattern: UInt32(bigEndian: start.loadUnaligned(as: UInt32.self)))
      if !value.isFinite { return ValueFailure.Problem(notFinite: Double(value)) }
      if reading == .float32 {
        unsafe pointer(Float.self)[row] = value
      } else {
        unsafe pointer(Double.self)[row] = Double(value)
      }
    case .numericAsDouble:
      switch unsafe decodeNumericAsDouble(start, length: length) {
      case .success(let value): unsafe pointer(Double.self)[row] = value
      case .failure(let problem): return problem.problem
      }
    case .jsonb:
      guard length >= 1, unsafe start.load(as: UInt8.self) == 1 else { return .malformed }
      unsafe pointer(UInt32.self)[row] = text.code(
        start + 1, count: length - 1, earlier: rowCodes, row: row)
    case .uuidArray: return unsafe lists.append(start, length: length)
    default: return .malformed
    }
    return nil
  }

  /// A whole number whose length was checked.
  @inline(__always)
  private func integer(_ start: UnsafeRawPointer, _ length: Int) -> Int64 {
    switch length {
    case 8: return unsafe Int64(bigEndian: start.loadUnaligned(as: Int64.self))
    case 4:
      let value = unsafe UInt32(bigEndian: start.loadUnaligned(as: UInt32.self))
      return isUnsigned ? Int64(value) : Int64(Int32(bitPattern: value))
    default: return unsafe Int64(Int16(bigEndian: start.loadUnaligned(as: Int16.self)))
    }
  }

  /// Adds a decimal that needs 128 bits; all rows of the batch are widened by the first one.
  private mutating func appendWide(_ value: Int128, row: Int) {
    if wide == nil {
      wide = (0..<row).map { unsafe Int128(pointer(Int64.self)[$0]) }
    }
    wide?.append(value)
  }

  /// The first `rows` rows as a column; the buffers are empty after that.
  mutating func take(rows: Int) -> Column {
    let storage: ColumnStorage
    switch reading {
    case .bool:
      let bytes = unsafe pointer(UInt8.self)
      storage = .bool((0..<rows).map { unsafe bytes[$0] != 0 })
    case .narrowInteger, .date: storage = .int32(array(Int32.self, rows))
    case .integer, .timestamp: storage = .int64(array(Int64.self, rows))
    case .integerAsDecimal, .decimal:
      storage = wide.map { .int128($0) } ?? .int64(array(Int64.self, rows))
    case .float32: storage = .float32(array(Float.self, rows))
    case .float64, .float32AsDouble, .integerAsDouble, .numericAsDouble:
      storage = .float64(array(Double.self, rows))
    case .text, .jsonb: storage = unsafe .text(text.take(rowCodes, rows: rows))
    case .uuid:
      storage = unsafe .uuid(
        identifiers.storage(
          of: UnsafePointer(pointer(UUIDValue.self)),
          nulls: nullCount > 0 ? UnsafePointer(nulls) : nil, rows: rows))
    case .uuidArray: storage = .uuidList(lists.take())
    }
    wide = nil
    return Column(field, storage, validity: takeValidity(rows: rows))
  }

  private func array<Value>(_ type: Value.Type, _ rows: Int) -> [Value] {
    unsafe Array(UnsafeBufferPointer(start: pointer(type), count: rows))
  }

  private mutating func takeValidity(rows: Int) -> ValidityBitmap? {
    guard nullCount > 0 else { return nil }
    var validity = ValidityBitmap(repeating: true, count: rows)
    for word in 0...(rows / 64) {
      var bits = unsafe nulls[word]
      while bits != 0 {
        validity[word * 64 + bits.trailingZeroBitCount] = false
        bits &= bits - 1
      }
      unsafe nulls[word] = 0
    }
    nullCount = 0
    return validity
  }
}

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL begins to count.
let daysFrom1970To2000: Int32 = 10_957
/// The same in microseconds.
let microsecondsFrom1970To2000: Int64 = 946_684_800_000_000
