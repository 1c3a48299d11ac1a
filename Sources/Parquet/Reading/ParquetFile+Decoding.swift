package import Columns

extension ParquetFile {
  /// The rows of a file.
  ///
  /// Every checksum, count and length is checked against the others before it is believed. Text and
  /// identifiers stay dictionary-coded where the file has them so. Timestamps of other units become
  /// microseconds, unsigned numbers the next larger signed type; instants without a zone are taken
  /// for UTC. Read are the encodings PLAIN, dictionary, RLE, BYTE_STREAM_SPLIT and the DELTA family, in
  /// data pages of both versions, uncompressed or compressed with zstd or
  /// Snappy; and lists of identifiers.
  ///
  /// - Parameters:
  ///   - file: all bytes of the file.
  ///   - columns: the columns to read, in the order wanted, each once; `nil` for all.
  ///   - rowGroups: the row groups to read, ascending and each once; `nil` for all.
  ///   - maximumBytes: the most memory the rows may take.
  ///   - verifyingChecksums: whether pages are held against the checksums that they carry.
  /// - Returns: the rows.
  /// - Throws: `ParquetError`.
  package static func decode(
    _ file: [UInt8], columns: [String]? = nil, rowGroups: [Int]? = nil,
    maximumBytes: Int = 8 << 30, verifyingChecksums: Bool = true
  ) throws(ParquetError) -> Batch {
    let bytes = FileBytes(bytes: file, offset: 0)
    let selection = Selection(
      columns: columns, rowGroups: rowGroups, maximumBytes: maximumBytes,
      verifiesChecksums: verifyingChecksums)
    return try FooterReader(whole: file).decode(selection) { (_) throws(ParquetError) in bytes }
  }

  /// What the footer of a file tells; no page is read.
  ///
  /// - Throws: `ParquetError`.
  package static func metadata(of file: [UInt8]) throws(ParquetError) -> ParquetMetadata {
    ParquetMetadata(try FooterReader(whole: file))
  }
}
