import AlmanacCore
import Columns

/// What every binary COPY begins with.
let copySignature: [UInt8] = [
  0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00,
]
/// The bytes of the signature, the flags and the length of the extension.
let copyHeaderLength = 19
/// The largest value PostgreSQL can hold, one gigabyte.
let maximumCopyFieldLength = 0x3FFF_FFFF

/// A key value as a person would look it up; types that are no keys by their number of bytes.
func keyText(_ bytes: [UInt8], _ type: WireType) -> String {
  switch type {
  case .uuid where bytes.count == 16:
    return UUIDValue(
      high: UInt64(bitPattern: integer(bytes[..<8])), low: UInt64(bitPattern: integer(bytes[8...]))
    ).description
  case .text: return String(decoding: bytes, as: UTF8.self)
  case .int16 where bytes.count == 2, .int32 where bytes.count == 4, .int64 where bytes.count == 8:
    return String(integer(bytes[...]))
  case .uint32 where bytes.count == 4:
    return String(UInt32(truncatingIfNeeded: integer(bytes[...])))
  case .date where bytes.count == 4:
    let days = Int32(truncatingIfNeeded: integer(bytes[...]))
    return CalendarDate(daysSinceEpoch: days &+ daysFrom1970To2000).description
  case .timestamp where bytes.count == 8:
    let (time, overflow) = integer(bytes[...]).addingReportingOverflow(microsecondsFrom1970To2000)
    return overflow ? "infinity" : Timestamp(microseconds: time).description
  case .numeric: return decimalText(bytes) ?? "\(bytes.count) bytes"
  default: return "\(bytes.count) bytes"
  }
}

/// A whole number of up to eight bytes, signed.
private func integer(_ bytes: ArraySlice<UInt8>) -> Int64 {
  let start: Int64 = bytes.first.map { $0 >= 0x80 } ?? false ? -1 : 0
  return bytes.reduce(start) { $0 << 8 | Int64($1) }
}
