/// Values one after the other as they lie in memory, least significant byte first.
///
/// All machines that Swift runs on have this order, so whole arrays are copied.
enum Plain {
  /// Adds numbers of a fixed size to a page.
  static func append<Number: BitwiseCopyable>(_ numbers: ArraySlice<Number>, to page: inout [UInt8])
  {
    unsafe numbers.withUnsafeBytes { unsafe page.append(contentsOf: $0) }
  }

  /// The next `count` numbers of a page; any bytes are a valid `Number`, such as an integer.
  static func decode<Number: BitwiseCopyable>(
    _ reader: inout ByteReader, count: Int, as type: Number.Type
  ) throws(DecodingFault) -> [Number] {
    let (size, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Number>.stride)
    guard !overflows else { throw .corrupt("\(count) values in one page") }
    let range = try reader.take(size)
    return unsafe [Number](unsafeUninitializedCapacity: count) { target, decoded in
      unsafe reader.bytes.withUnsafeBytes { bytes in
        unsafe UnsafeMutableRawBufferPointer(target).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: bytes[range]))
      }
      decoded = count
    }
  }

  /// The next `count` numbers of a page that holds their first bytes, then their second bytes, and so
  /// on (BYTE_STREAM_SPLIT); any bytes are a valid `Number`.
  static func decodeSplit<Number: BitwiseCopyable>(
    _ reader: inout ByteReader, count: Int, as type: Number.Type
  ) throws(DecodingFault) -> [Number] {
    let width = MemoryLayout<Number>.stride
    let (size, overflows) = count.multipliedReportingOverflow(by: width)
    guard !overflows else { throw .corrupt("\(count) values in one page") }
    let range = try reader.take(size)
    return unsafe [Number](unsafeUninitializedCapacity: count) { target, decoded in
      let bytes = UnsafeMutableRawBufferPointer(target)
      for place in 0..<width {
        let start = range.lowerBound + place * count
        for index in 0..<count {
          unsafe bytes[index * width + place] = reader.bytes[start + index]
        }
      }
      decoded = count
    }
  }

  /// The next `count` byte strings of a page, each with its length in four bytes before it.
  static func decodeByteArrays(
    _ reader: inout ByteReader, count: Int
  ) throws(DecodingFault) -> ByteStrings {
    guard count <= reader.remaining / 4 else {
      throw .corrupt("\(count) values are expected in \(reader.remaining) bytes")
    }
    var offsets = [Int](repeating: 0, count: count + 1)
    let start = reader.position
    var total = 0
    for index in 0..<count {
      let length = Int(try reader.littleEndian32())
      _ = try reader.take(length)
      total += length
      offsets[index + 1] = total
    }
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: total) { target, copied in
      guard let base = target.baseAddress else { return }
      unsafe reader.bytes.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress else { return }
        for index in 0..<count {
          // In bounds: the lengths were taken from the reader above, in the same order.
          let length = offsets[index + 1] - offsets[index]
          unsafe (base + offsets[index]).update(
            from: from + start + 4 * (index + 1) + offsets[index], count: length)
        }
      }
      copied = total
    }
    return ByteStrings(bytes: bytes, offsets: offsets)
  }

  /// Adds the byte string at a range of some bytes to a page, with its length in four bytes before
  /// it.
  @inline(__always)
  static func append(_ bytes: [UInt8], _ range: Range<Int>, to page: inout [UInt8]) {
    var length = UInt32(range.count).littleEndian
    unsafe withUnsafeBytes(of: &length) { unsafe page.append(contentsOf: $0) }
    unsafe bytes.withUnsafeBufferPointer { unsafe page.append(contentsOf: $0[range]) }
  }
}

/// Byte strings one after the other; string `i` is `bytes[offsets[i]..<offsets[i + 1]]`.
struct ByteStrings {
  var bytes: [UInt8] = []
  var offsets: [Int] = [0]

  /// The number of strings.
  var count: Int { offsets.count - 1 }
}

extension ByteReader {
  /// A number of four bytes, least significant first.
  mutating func littleEndian32() throws(DecodingFault) -> UInt32 {
    let range = try take(4)
    return unsafe bytes.withUnsafeBytes {
      UInt32(
        littleEndian: unsafe $0.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt32.self))
    }
  }
}
