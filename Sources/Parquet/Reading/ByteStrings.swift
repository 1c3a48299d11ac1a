extension ByteStrings {
  /// The next byte strings of a page that is not dictionary-coded.
  ///
  /// - Parameters:
  ///   - reader: the values of the page.
  ///   - encoding: how the page holds them.
  ///   - length: the length of each string, `nil` where each has its own.
  ///   - count: how many there are.
  ///   - maximumBytes: the most bytes they may have together.
  /// - Returns: the strings.
  /// - Throws: `DecodingFault`.
  static func decode(
    _ reader: inout ByteReader, _ encoding: PageEncoding, length: Int?, count: Int,
    maximumBytes: Int = .max
  ) throws(DecodingFault) -> ByteStrings {
    let strings: ByteStrings
    switch encoding {
    case .plain:
      guard let length else { return try Plain.decodeByteArrays(&reader, count: count) }
      guard count <= reader.remaining / length else {
        throw .corrupt("\(count) values are expected in \(reader.remaining) bytes")
      }
      let range = try reader.take(count * length)
      return ByteStrings(
        bytes: Array(reader.bytes[range]), offsets: (0...count).map { $0 * length })
    case .deltaLengthByteArray: strings = try decodeLengths(&reader, count: count)
    case .deltaByteArray:
      strings = try decodePrefixes(&reader, count: count, maximumBytes: maximumBytes)
    default: throw .unsupported("the encoding \(encoding.name) for byte strings")
    }
    if let length {
      for index in 0..<count
      where strings.offsets[index + 1] - strings.offsets[index] != length {
        throw .corrupt("a value is not \(length) bytes long")
      }
    }
    return strings
  }

  /// Lengths as differences, then all bytes.
  private static func decodeLengths(
    _ reader: inout ByteReader, count: Int
  ) throws(DecodingFault) -> ByteStrings {
    let lengths = try DeltaBinaryPacked.decode(&reader, count: count)
    var offsets = [0]
    offsets.reserveCapacity(count + 1)
    var total = 0
    for length in lengths {
      guard length >= 0, length <= reader.remaining - total else {
        throw .corrupt("a value of \(length) bytes does not fit its page")
      }
      total += Int(length)
      offsets.append(total)
    }
    return ByteStrings(bytes: Array(reader.bytes[try reader.take(total)]), offsets: offsets)
  }

  /// How much each string shares with the one before, then the rest of each.
  private static func decodePrefixes(
    _ reader: inout ByteReader, count: Int, maximumBytes: Int
  ) throws(DecodingFault) -> ByteStrings {
    let prefixes = try DeltaBinaryPacked.decode(&reader, count: count)
    let rests = try decodeLengths(&reader, count: count)
    var strings = ByteStrings()
    strings.offsets.reserveCapacity(count + 1)
    var previous = 0..<0
    for index in 0..<count {
      guard prefixes[index] >= 0, prefixes[index] <= previous.count else {
        throw .corrupt("a value shares more than its predecessor has")
      }
      let start = strings.bytes.count
      let shared = previous.lowerBound..<previous.lowerBound + Int(prefixes[index])
      let rest = rests.offsets[index]..<rests.offsets[index + 1]
      guard shared.count + rest.count <= maximumBytes - start else {
        throw .tooLarge(maximumBytes: maximumBytes)
      }
      strings.bytes.append(contentsOf: strings.bytes[shared])
      strings.bytes.append(contentsOf: rests.bytes[rest])
      previous = start..<strings.bytes.count
      strings.offsets.append(strings.bytes.count)
    }
    return strings
  }
}
