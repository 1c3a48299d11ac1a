import Codecs

/// Decompresses pages.
struct PageDecompressor: ~Copyable {
  private var zstd = ZstdDecompressor()

  /// Whether pages compressed in this way can be read.
  static func supports(_ codec: PageCodec) -> Bool {
    codec == .uncompressed || codec == .zstd || codec == .snappy
  }

  /// A reader of what is left in `page`, decompressed: `size` bytes.
  mutating func contents(
    _ page: ByteReader, _ codec: PageCodec, size: Int
  ) throws(DecodingFault) -> ByteReader {
    if codec == .uncompressed {
      guard size == page.remaining else {
        throw .corrupt("a page of \(page.remaining) bytes, not \(size) as announced")
      }
      return page
    }
    let bytes = page.bytes[page.position..<page.end]
    do throws(CodecError) {
      return ByteReader(
        codec == .snappy
          ? try Snappy.decompress(bytes.span, exactSize: size)
          : try zstd.decompress(bytes.span, exactSize: size))
    } catch {
      throw .corrupt("\(error)")
    }
  }
}
