/// Compression with Zstandard (RFC 8878) in one call.
///
/// The bytes written depend on the input, the level and the version of libzstd only: one thread,
/// a content size, no checksum.
package enum Zstd {
  /// The compressed form of `bytes`, one frame.
  ///
  /// - Parameters:
  ///   - bytes: what to compress; may be empty.
  ///   - level: 1 (fast) to 19 (small).
  /// - Returns: the frame.
  package static func compress(_ bytes: [UInt8], level: Int32 = 1) -> [UInt8] {
    compress(bytes.span, level: level)
  }

  /// The compressed form of a part of an array, one frame.
  package static func compress(_ bytes: ArraySlice<UInt8>, level: Int32 = 1) -> [UInt8] {
    compress(bytes.span, level: level)
  }

  /// The compressed form of a span, one frame.
  package static func compress(_ bytes: Span<UInt8>, level: Int32 = 1) -> [UInt8] {
    var compressor = ZstdCompressor(level: level)
    var output: [UInt8] = []
    compressor.compress(bytes, appendingTo: &output)
    return output
  }

  /// The content of one or more frames, at most `maximumSize` bytes.
  ///
  /// Frames may lack their content size. Memory grows with what is really decompressed, not with
  /// what a header claims.
  ///
  /// - Parameters:
  ///   - bytes: whole frames, one after the other; no bytes at all are an empty content.
  ///   - maximumSize: the most bytes the content may have.
  /// - Returns: the content.
  /// - Throws: `CodecError.corrupt`, `.truncated`, or `.tooLarge`.
  package static func decompress(
    _ bytes: [UInt8], maximumSize: Int
  ) throws(CodecError) -> [UInt8] {
    try decompress(bytes[...], maximumSize: maximumSize)
  }

  /// The content of one or more frames that lie in a part of an array.
  package static func decompress(
    _ bytes: ArraySlice<UInt8>, maximumSize: Int
  ) throws(CodecError) -> [UInt8] {
    var content: [UInt8] = []
    if let claimed = contentSize(bytes.span), claimed <= maximumSize {
      // A header may lie: a claim far beyond the input's size is left to grow step by step.
      content.reserveCapacity(min(claimed, bytes.count * 1024))
    }
    var stream = ZstdStream()
    stream.append(bytes)
    while let piece = try stream.next() {
      guard piece.count <= maximumSize - content.count else {
        throw .tooLarge(maximumSize: maximumSize)
      }
      content.append(contentsOf: piece)
    }
    try stream.finish()
    return content
  }
}
