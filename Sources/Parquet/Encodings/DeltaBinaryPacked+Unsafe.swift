/// Whole numbers as bit-packed differences.
///
/// Blocks of 128 differences, each less the smallest of its block, in four parts of 32 with a
/// width of their own. Differences wrap, so any sequence can be encoded.
///
/// - SeeAlso: Lemire & Boytsov, *Software: Practice and Experience* 45(1), 2015,
///   doi:10.1002/spe.2203; Apache Parquet, "Encodings", section "Delta Encoding".
enum DeltaBinaryPacked {
  private static let blockSize = 128
  private static let partSize = 32

  /// Adds numbers of 64 bits to a page.
  static func append(_ numbers: Span<Int64>, to page: inout [UInt8]) {
    appendNumbers(numbers, to: &page) { (difference: Int64) in UInt64(bitPattern: difference) }
  }

  /// Adds numbers of 32 bits, whose differences wrap at 32 bits as readers expect, to a page.
  static func append(_ numbers: Span<Int32>, to page: inout [UInt8]) {
    appendNumbers(numbers, to: &page) { (difference: Int32) in
      UInt64(UInt32(bitPattern: difference))
    }
  }

  @inline(__always)
  private static func appendNumbers<Number: FixedWidthInteger & SignedInteger>(
    _ numbers: Span<Number>, to page: inout [UInt8], _ bits: (Number) -> UInt64
  ) {
    let count = numbers.count
    page.appendVariableLength(UInt64(blockSize))
    page.appendVariableLength(UInt64(blockSize / partSize))
    page.appendVariableLength(UInt64(count))
    page.appendZigzag(count == 0 ? 0 : Int64(numbers[0]))
    if count <= 1 { return }
    let blocks = (count - 1 + blockSize - 1) / blockSize
    // Of a block: the smallest difference in at most 10 bytes, 4 widths, 128 numbers of 8 bytes.
    let bound = blocks * (10 + 4 + blockSize * 8) + 8
    let body = unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, written in
      guard let base = target.baseAddress else { return }
      let out = UnsafeMutableRawPointer(base)
      unsafe withUnsafeTemporaryAllocation(of: Number.self, capacity: blockSize) { differences in
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: partSize) { part in
          guard let part = part.baseAddress else { return }
          var position = 1
          while position < count {
            let length = min(blockSize, count - position)
            var minimum = Number.max
            for index in 0..<length {
              // In bounds: 1 <= position and position + length <= count.
              let difference =
                unsafe numbers[unchecked: position + index]
                &- numbers[unchecked: position + index - 1]
              unsafe differences[index] = difference
              minimum = min(minimum, difference)
            }
            var rest = UInt64(bitPattern: Int64(minimum) << 1 ^ Int64(minimum) >> 63)
            while rest >= 0x80 {
              unsafe out.storeBytes(
                of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: written, as: UInt8.self)
              written += 1
              rest >>= 7
            }
            unsafe out.storeBytes(of: UInt8(rest), toByteOffset: written, as: UInt8.self)
            written += 1
            let widths = written
            written += blockSize / partSize
            for partIndex in 0..<blockSize / partSize {
              let start = partIndex * partSize
              let used = max(0, min(partSize, length - start))
              var union: UInt64 = 0
              for index in 0..<used {
                let rest = bits(unsafe differences[start + index] &- minimum)
                unsafe part[index] = rest
                union |= rest
              }
              let width = 64 - union.leadingZeroBitCount
              unsafe out.storeBytes(
                of: UInt8(width), toByteOffset: widths + partIndex, as: UInt8.self)
              if used == 0 { continue }
              for index in used..<partSize { unsafe part[index] = 0 }
              unsafe BitPacking.pack(part, count: partSize, width: width, to: out + written)
              written += partSize / 8 * width
            }
            position += length
          }
        }
      }
      precondition(written <= bound, "differences took \(written) of \(bound) bytes")
    }
    page.append(contentsOf: body)
  }

  /// Decodes the next sequence, which must have `count` numbers, and moves the reader behind it.
  static func decode(
    _ reader: inout ByteReader, count: Int
  ) throws(DecodingFault) -> [Int64] {
    let blockSize = try reader.variableLength()
    let partCount = try reader.variableLength()
    let total = try reader.variableLength()
    let first = try reader.zigzag()
    guard blockSize > 0, blockSize <= 1 << 20, blockSize % 128 == 0, partCount > 0,
      partCount <= blockSize / 32, blockSize % partCount == 0, blockSize / partCount % 32 == 0
    else { throw .corrupt("differences in blocks of \(blockSize) and \(partCount) parts") }
    guard total == UInt64(count) else {
      throw .corrupt("\(total) differences where \(count) values are expected")
    }
    if count == 0 { return [] }
    let partSize = Int(blockSize / partCount)
    var fault: DecodingFault?
    let numbers = unsafe [Int64](unsafeUninitializedCapacity: count) { target, decoded in
      guard let base = target.baseAddress else { return }
      do throws(DecodingFault) {
        unsafe base[0] = first
        decoded = 1
        var last = first
        while decoded < count {
          let minimum = try reader.zigzag()
          let widths = try reader.take(Int(partCount))
          for part in 0..<Int(partCount) where decoded < count {
            let width = Int(reader.bytes[widths.lowerBound + part])
            guard width <= 64 else { throw .corrupt("differences of \(width) bits") }
            let range = try reader.take(partSize / 8 * width)
            let used = min(partSize, count - decoded)
            unsafe reader.bytes.withUnsafeBytes { bytes in
              guard let start = bytes.baseAddress else { return }
              // Signed and unsigned numbers of one width share their memory layout.
              unsafe (base + decoded).withMemoryRebound(to: UInt64.self, capacity: used) {
                unsafe BitPacking.unpack(
                  start + range.lowerBound, available: range.count, count: used, width: width,
                  to: $0)
              }
            }
            for index in decoded..<decoded + used {
              unsafe last = last &+ minimum &+ base[index]
              unsafe base[index] = last
            }
            decoded += used
          }
        }
      } catch {
        fault = error
        decoded = 0
      }
    }
    if let fault { throw fault }
    return numbers
  }
}
