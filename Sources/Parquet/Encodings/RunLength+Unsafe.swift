/// The hybrid of run lengths and bit packing that levels, dictionary codes and booleans use.
///
/// - SeeAlso: Apache Parquet, "Encodings", section "Run Length Encoding / Bit-Packing Hybrid".
enum RunLength {
  /// The bits that hold every number up to `maximum`.
  static func width(of maximum: UInt32) -> Int {
    32 - maximum.leadingZeroBitCount
  }

  /// Encodes numbers that fit `width` bits, without a length in front.
  static func encode(_ numbers: Span<UInt32>, width: Int) -> [UInt8] {
    precondition(width >= 1 && width <= 32, "a width of \(width) bits")
    let count = numbers.count
    // At worst runs of 8 equal numbers and groups of 8 different ones alternate: each takes at
    // most a head of 5 bytes beside its bits, and packing stores whole words.
    let bound = (count / 8 + 2) * (width + 5 + 9) + 16
    return unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, written in
      written = unsafe numbers.withUnsafeBufferPointer { numbers in
        guard let source = numbers.baseAddress, let base = target.baseAddress else { return 0 }
        var writer = unsafe Writer(target: UnsafeMutableRawPointer(base), width: width)
        var position = 0
        var literalStart = 0
        while position < count {
          let first = unsafe source[position]
          var end = position + 1
          while end < count, unsafe source[end] == first { end += 1 }
          if end - position >= 8 {
            unsafe writer.literal(source, literalStart..<position)
            unsafe writer.run(of: first, length: end - position)
            position = end
            literalStart = end
          } else {
            // Literals come in groups of 8, so a run can only begin at the next group.
            position = min(position + 8, count)
          }
        }
        unsafe writer.literal(source, literalStart..<count)
        return unsafe writer.offset
      }
      precondition(written <= bound, "run lengths took \(written) of \(bound) bytes")
    }
  }

  /// Encodes one number repeated, without a length in front.
  static func encode(repeating number: UInt32, count: Int, width: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendVariableLength(UInt64(count) << 1)
    for shift in 0..<(width + 7) / 8 {
      bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(shift * 8)))
    }
    return bytes
  }

  /// Decodes `count` numbers of `width` bits; the reader is moved behind the runs that hold them.
  ///
  /// The caller vouches for `count`: a run of any length takes only a few bytes.
  static func decode(
    _ reader: inout ByteReader, width: Int, count: Int
  ) throws(DecodingFault) -> [UInt32] {
    guard width <= 32 else { throw .corrupt("a width of \(width) bits") }
    var fault: DecodingFault?
    let numbers = unsafe [UInt32](unsafeUninitializedCapacity: count) { target, decoded in
      guard let base = target.baseAddress else { return }
      do throws(DecodingFault) {
        while decoded < count {
          let head = try reader.variableLength()
          let room = count - decoded
          if head & 1 == 1 {
            let length = min(Int(clamping: head >> 1), (room + 7) / 8) * 8
            let used = min(length, room)
            // The last group may be cut where no number needs it.
            let whole = BitPacking.byteCount(length, width: width)
            let range = try reader.take(
              reader.remaining < whole ? BitPacking.byteCount(used, width: width) : whole)
            unsafe reader.bytes.withUnsafeBytes { bytes in
              guard let start = bytes.baseAddress else { return }
              unsafe BitPacking.unpack(
                start + range.lowerBound, available: range.count, count: used, width: width,
                to: base + decoded)
            }
            decoded += used
          } else {
            let length = min(Int(clamping: head >> 1), room)
            var number: UInt32 = 0
            for place in 0..<(width + 7) / 8 {
              number |= UInt32(try reader.byte()) << UInt32(place * 8)
            }
            guard length > 0 else { throw .corrupt("a run of no length") }
            unsafe (base + decoded).update(repeating: number, count: length)
            decoded += length
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

  /// Writes runs to memory that ``encode(_:width:)`` made large enough.
  @unsafe private struct Writer {
    let target: UnsafeMutableRawPointer
    let width: Int
    var offset = 0

    @inline(__always)
    mutating func head(_ value: UInt64) {
      var rest = value
      while rest >= 0x80 {
        unsafe target.storeBytes(
          of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: offset, as: UInt8.self)
        unsafe offset += 1
        rest >>= 7
      }
      unsafe target.storeBytes(
        of: UInt8(truncatingIfNeeded: rest), toByteOffset: offset, as: UInt8.self)
      unsafe offset += 1
    }

    mutating func run(of number: UInt32, length: Int) {
      unsafe head(UInt64(length) << 1)
      for place in 0..<(unsafe width + 7) / 8 {
        let byte = UInt8(truncatingIfNeeded: number >> UInt32(place * 8))
        unsafe target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
        unsafe offset += 1
      }
    }

    mutating func literal(_ source: UnsafePointer<UInt32>, _ range: Range<Int>) {
      if range.isEmpty { return }
      let groups = (range.count + 7) / 8
      unsafe head(UInt64(groups) << 1 | 1)
      unsafe BitPacking.pack(
        source + range.lowerBound, count: range.count, width: width, to: target + offset)
      // Where the last group is not full, the bits after the last number are to be zero.
      let packed = unsafe BitPacking.byteCount(range.count, width: width)
      let whole = unsafe BitPacking.byteCount(groups * 8, width: width)
      for place in packed..<whole {
        unsafe target.storeBytes(of: 0, toByteOffset: offset + place, as: UInt8.self)
      }
      unsafe offset += whole
    }
  }
}
