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
      high: bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) },
      low: bytes[8...].reduce(0) { $0 << 8 | UInt64($1) }
    ).description
  case .text: return String(decoding: bytes, as: UTF8.self)
  case .int16, .int32, .int64, .uint32:
    guard let width = type.width, width == bytes.count else { return "\(bytes.count) bytes" }
    let magnitude = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    if type == .uint32 { return String(magnitude) }
    let shift = UInt64(64 - 8 * width)
    return String(Int64(bitPattern: magnitude << shift) >> Int64(shift))
  case .date where bytes.count == 4:
    let days = Int32(bitPattern: bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    return CalendarDate(daysSinceEpoch: days &+ daysFrom1970To2000).description
  default: return "\(bytes.count) bytes"
  }
}
