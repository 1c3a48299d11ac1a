import AlmanacCore
import Columns

/// Writes rows column by column: first every column is measured, then memory for all rows is
/// allocated, then every column is written into its place in each row.
///
/// The switch over types is thus made once a column, not once a value. Measuring and writing go
/// over the same values, so no write passes the end; the end position is checked all the same.
@safe
struct CopyRowWriter: ~Copyable {
  private let rows: Range<Int>
  /// First the size of each row, then the place of its next field.
  private var places: [Int]
  private var bytes: UnsafeMutableRawPointer?
  private var byteCount = 0

  init(rows: Range<Int>) {
    self.rows = rows
    places = [Int](repeating: 2, count: rows.count)
  }

  deinit { unsafe bytes?.deallocate() }

  /// Adds the sizes of a column's values.
  mutating func measure(_ column: Column, as type: WireType) {
    if let width = type.width {
      add(column) { _ in width }
      return
    }
    switch column.storage {
    case .text(let text):
      let extra = type == .jsonb ? 1 : 0
      let codes = text.codes
      let offsets = text.offsets
      add(column) { row in
        let entry = codes.map { Int($0[row]) } ?? row
        return offsets[entry + 1] - offsets[entry] + extra
      }
    case .uuidList(let lists):
      let offsets = lists.offsets
      add(column) { uuidArraySize(offsets[$0 + 1] - offsets[$0]) }
    case .int32(let values):
      add(column) { 8 + 2 * NumericGroups(units: Int128(values[$0]), scale: 0).count }
    case .int64(let values):
      let scale = column.field.type.decimalScale
      add(column) { 8 + 2 * NumericGroups(units: Int128(values[$0]), scale: scale).count }
    case .int128(let values):
      let scale = column.field.type.decimalScale
      add(column) { 8 + 2 * NumericGroups(units: values[$0], scale: scale).count }
    default: preconditionFailure("\(type) from \(column.field.type)")
    }
  }

  @inline(__always)
  private mutating func add(_ column: Column, size: (Int) -> Int) {
    let valid = column.validity?.words
    for row in rows {
      places[row - rows.lowerBound] += 4 + (isNull(row, valid) ? 0 : size(row))
    }
  }

  /// Allocates memory for all rows and begins each of them.
  mutating func allocate(columnCount: Int) {
    var position = 0
    for index in places.indices {
      let size = places[index]
      places[index] = position
      position += size
    }
    byteCount = position
    let start = UnsafeMutableRawPointer.allocate(byteCount: max(1, position), alignment: 16)
    for index in places.indices {
      unsafe (start + places[index]).storeBytes(
        of: Int16(columnCount).bigEndian, as: Int16.self)
      places[index] += 2
    }
    unsafe bytes = unsafe start
  }

  /// Writes a column's values; the first row with a value the type cannot hold, if there is one.
  mutating func write(
    _ column: Column, as type: WireType
  ) -> (row: Int, problem: ValueFailure.Problem)? {
    switch (type, column.storage) {
    case (.bool, .bool(let values)):
      return unsafe put(column) { row, place in unsafe store(UInt8(values[row] ? 1 : 0), place) }
    case (.int16, _): return writeIntegers(column) { Int16(exactly: $0) }
    case (.int32, _): return writeIntegers(column) { Int32(exactly: $0) }
    case (.int64, _): return writeIntegers(column) { Int64(exactly: $0) }
    case (.uint32, _): return writeIntegers(column) { UInt32(exactly: $0) }
    case (.float32, .float32(let values)):
      return unsafe put(column) { row, place in
        values[row].isFinite ? unsafe store(values[row].bitPattern, place) : -1
      }
    case (.float32, .float64(let values)):
      return unsafe put(column) { row, place in
        let narrow = Float(values[row])
        return narrow.isFinite ? unsafe store(narrow.bitPattern, place) : -1
      }
    case (.float64, _): return writeDoubles(column)
    case (.numeric, _): return writeNumerics(column)
    case (.text, .text(let text)), (.json, .text(let text)), (.bytea, .text(let text)):
      return writeText(column, text, version: nil)
    case (.jsonb, .text(let text)): return writeText(column, text, version: 1)
    case (.uuid, .uuid(let values)):
      let entries = values.values
      let codes = values.codes
      return unsafe put(column) { row, place in
        unsafe store(entries[codes.map { Int($0[row]) } ?? row], place)
      }
    case (.uuidArray, .uuidList(let lists)): return writeLists(column, lists)
    case (.date, .int32(let values)):
      return unsafe put(column) { row, place in
        let (days, overflow) = values[row].subtractingReportingOverflow(daysFrom1970To2000)
        // The extremes stand for infinity.
        if overflow || days == .min || days == .max { return -1 }
        return unsafe store(days, place)
      }
    case (.timestamp, .int64(let values)):
      return unsafe put(column) { row, place in
        let (time, overflow) = values[row].subtractingReportingOverflow(
          microsecondsFrom1970To2000)
        if overflow || time == .min || time == .max { return -1 }
        return unsafe store(time, place)
      }
    default: preconditionFailure("\(type) from \(column.field.type)")
    }
  }

  private mutating func writeIntegers<Wire: FixedWidthInteger>(
    _ column: Column, _ convert: (Int128) -> Wire?
  ) -> (row: Int, problem: ValueFailure.Problem)? {
    switch column.storage {
    case .int32(let values):
      return unsafe put(column) { row, place in
        guard let value = Wire(exactly: values[row]) else { return -1 }
        return unsafe store(value, place)
      }
    case .int64(let values):
      return unsafe put(column) { row, place in
        guard let value = Wire(exactly: values[row]) else { return -1 }
        return unsafe store(value, place)
      }
    case .int128(let values):
      return unsafe put(column) { row, place in
        guard let value = convert(values[row]) else { return -1 }
        return unsafe store(value, place)
      }
    default: preconditionFailure("integers from \(column.field.type)")
    }
  }

  private mutating func writeDoubles(
    _ column: Column
  ) -> (row: Int, problem: ValueFailure.Problem)? {
    let unit = (0..<column.field.type.decimalScale).reduce(1.0) { power, _ in power * 10 }
    switch column.storage {
    case .float32(let values):
      return unsafe put(column) { row, place in
        values[row].isFinite ? unsafe store(Double(values[row]).bitPattern, place) : -1
      }
    case .float64(let values):
      return unsafe put(column) { row, place in
        values[row].isFinite ? unsafe store(values[row].bitPattern, place) : -1
      }
    case .int32(let values):
      return unsafe put(column) { row, place in
        unsafe store((Double(values[row]) / unit).bitPattern, place)
      }
    case .int64(let values):
      return unsafe put(column) { row, place in
        unsafe store((Double(values[row]) / unit).bitPattern, place)
      }
    case .int128(let values):
      return unsafe put(column) { row, place in
        unsafe store((Double(values[row]) / unit).bitPattern, place)
      }
    default: preconditionFailure("float64 from \(column.field.type)")
    }
  }

  private mutating func writeNumerics(
    _ column: Column
  ) -> (row: Int, problem: ValueFailure.Problem)? {
    let scale = column.field.type.decimalScale
    switch column.storage {
    case .int32(let values):
      return unsafe put(column) { row, place in
        unsafe storeNumeric(Int128(values[row]), scale, place)
      }
    case .int64(let values):
      return unsafe put(column) { row, place in
        unsafe storeNumeric(Int128(values[row]), scale, place)
      }
    case .int128(let values):
      return unsafe put(column) { row, place in unsafe storeNumeric(values[row], scale, place) }
    default: preconditionFailure("numeric from \(column.field.type)")
    }
  }

  private mutating func writeText(
    _ column: Column, _ text: TextStorage, version: UInt8?
  ) -> (row: Int, problem: ValueFailure.Problem)? {
    let codes = text.codes
    let offsets = text.offsets
    return unsafe text.bytes.withUnsafeBytes { buffer in
      unsafe put(column) { row, place in
        let entry = codes.map { Int($0[row]) } ?? row
        let start = offsets[entry]
        let count = offsets[entry + 1] - start
        let extra = version == nil ? 0 : 1
        if count + extra > maximumCopyFieldLength { return -1 }
        if let version { unsafe (place + 4).storeBytes(of: version, as: UInt8.self) }
        if count > 0, let base = buffer.baseAddress {
          precondition(start >= 0 && start + count <= buffer.count, "text outside its bytes")
          unsafe (place + 4 + extra).copyMemory(from: base + start, byteCount: count)
        }
        return count + extra
      }
    }
  }

  private mutating func writeLists(
    _ column: Column, _ lists: UUIDListStorage
  ) -> (row: Int, problem: ValueFailure.Problem)? {
    unsafe put(column) { row, place in
      let positions = lists.positions(row)
      let size = uuidArraySize(positions.count)
      if size > maximumCopyFieldLength { return -1 }
      unsafe store(Int32(positions.isEmpty ? 0 : 1), place)
      unsafe store(Int32(0), place + 4)
      unsafe store(uuidOID, place + 8)
      if positions.isEmpty { return size }
      unsafe store(Int32(positions.count), place + 12)
      unsafe store(Int32(1), place + 16)
      var element = unsafe place + 24
      for position in positions {
        unsafe element.storeBytes(of: Int32(16).bigEndian, as: Int32.self)
        unsafe store(lists.elements.row(position), element)
        unsafe element += 20
      }
      return size
    }
  }

  /// Lets `write` put each value behind the four bytes of its length, and writes that length.
  ///
  /// `write` returns the number of bytes, or -1 if the type cannot hold the value.
  @inline(__always)
  private mutating func put(
    _ column: Column, write: (Int, UnsafeMutableRawPointer) -> Int
  ) -> (row: Int, problem: ValueFailure.Problem)? {
    guard let bytes = unsafe bytes else { preconditionFailure("not allocated") }
    let valid = column.validity?.words
    for row in rows {
      let place = places[row - rows.lowerBound]
      var length = -1
      if !isNull(row, valid) {
        length = unsafe write(row, bytes + place)
        if length < 0 { return (row, problem(of: column, row)) }
      }
      unsafe (bytes + place).storeBytes(of: Int32(length).bigEndian, as: Int32.self)
      places[row - rows.lowerBound] = place + 4 + max(0, length)
    }
    return nil
  }

  /// Why a value could not be written.
  private func problem(of column: Column, _ row: Int) -> ValueFailure.Problem {
    guard case .float(let value) = column.value(row), !value.isFinite else { return .outOfRange }
    return ValueFailure.Problem(notFinite: value)
  }

  /// The finished bytes.
  consuming func take() -> [UInt8] {
    precondition(places.last ?? byteCount == byteCount, "rows of another size than measured")
    return unsafe Array(UnsafeRawBufferPointer(start: bytes, count: byteCount))
  }
}

/// Whether a row is null by the bits of a bitmap; without one no row is.
///
/// Unlike `Column.isNull` this is inlined into the loops.
@inline(__always)
private func isNull(_ row: Int, _ valid: [UInt64]?) -> Bool {
  guard let valid else { return false }
  return valid[row >> 6] >> UInt64(row & 63) & 1 == 0
}

/// Writes a number behind the four bytes of its length; its own size in bytes.
@inline(__always)
@discardableResult
private func store<Value: FixedWidthInteger>(
  _ value: Value, _ place: UnsafeMutableRawPointer
) -> Int {
  unsafe (place + 4).storeBytes(of: value.bigEndian, as: Value.self)
  return Value.bitWidth / 8
}

/// Writes an identifier behind the four bytes of its length; its size in bytes.
@inline(__always)
@discardableResult
private func store(_ value: UUIDValue, _ place: UnsafeMutableRawPointer) -> Int {
  unsafe (place + 4).storeBytes(of: value.high.bigEndian, as: UInt64.self)
  unsafe (place + 12).storeBytes(of: value.low.bigEndian, as: UInt64.self)
  return 16
}

/// The bytes of an array of identifiers: a header, which is shorter without an element, and the
/// elements behind their lengths.
private func uuidArraySize(_ count: Int) -> Int { count == 0 ? 12 : 20 + 20 * count }

/// Writes a `numeric` behind the four bytes of its length; its size in bytes.
private func storeNumeric(_ units: Int128, _ scale: Int, _ place: UnsafeMutableRawPointer) -> Int {
  let groups = NumericGroups(units: units, scale: scale)
  unsafe store(UInt16(groups.count), place)
  unsafe store(Int16(groups.weight), place + 2)
  unsafe store(UInt16(groups.isNegative ? 0x4000 : 0), place + 4)
  unsafe store(UInt16(scale), place + 6)
  for position in 0..<groups.count {
    unsafe store(groups[position], place + 8 + 2 * position)
  }
  return 8 + 2 * groups.count
}

extension ColumnType {
  /// The digits behind the point; 0 for anything but a decimal.
  fileprivate var decimalScale: Int {
    if case .decimal(let scale) = self { return scale }
    return 0
  }
}
