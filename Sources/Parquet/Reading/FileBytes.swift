/// Bytes of a file, and where in it they are.
struct FileBytes {
  /// The bytes.
  let bytes: [UInt8]
  /// The offset of the first of them in the file.
  let offset: Int

  /// A reader of a range of the file that lies within these bytes.
  func reader(_ range: Range<Int>) -> ByteReader {
    ByteReader(bytes, range.lowerBound - offset..<range.upperBound - offset)
  }
}

/// Gives bytes of a file: those of a range at least.
typealias FetchBytes = (Range<Int>) throws(ParquetError) -> FileBytes
