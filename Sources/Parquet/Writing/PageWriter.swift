import Codecs

/// Compresses pages and puts headers and checksums before them.
struct PageWriter: ~Copyable {
  /// A page as it lies in a file.
  struct Page {
    /// Its header and what it holds.
    var bytes: [UInt8]
    /// How many bytes these were before compression.
    var uncompressedSize: Int
    /// How what it holds is compressed.
    var codec: PageCodec

    /// Whether compression makes the page hardly smaller.
    var isIncompressible: Bool { bytes.count > uncompressedSize / 100 * 98 }

    /// What the page costs: its bytes in the file, and a sixteenth of those that a reader has to go
    /// through.
    var cost: Double { Double(bytes.count) + Double(uncompressedSize) / 16 }
  }

  /// How pages are compressed, where that makes them smaller.
  let codec: PageCodec
  private var compressor: ZstdCompressor

  /// A writer with one compression level, `nil` for no compression.
  init(compressionLevel: Int32?) {
    codec = compressionLevel == nil ? .uncompressed : .zstd
    compressor = ZstdCompressor(level: compressionLevel ?? 1)
  }

  /// A page that holds `body`.
  mutating func page(
    _ content: PageHeader.Content, _ body: [UInt8], _ codec: PageCodec
  ) -> Page {
    precondition(body.count <= Int32.max, "a page above 2 GB")
    guard codec == .zstd else { return PageWriter.page(content, body.count, body.span, codec) }
    return compressor.withCompressed(body.span) {
      PageWriter.page(content, body.count, $0, .zstd)
    }
  }

  private static func page(
    _ content: PageHeader.Content, _ uncompressedSize: Int, _ stored: Span<UInt8>,
    _ codec: PageCodec
  ) -> Page {
    precondition(stored.count <= Int32.max, "a page above 2 GB")
    var bytes = PageHeader(
      content: content, uncompressedSize: uncompressedSize, compressedSize: stored.count,
      checksum: CRC32.checksum(of: stored)
    ).encoded()
    let headerSize = bytes.count
    bytes.reserveCapacity(headerSize + stored.count)
    bytes.append(copying: stored)
    return Page(bytes: bytes, uncompressedSize: headerSize + uncompressedSize, codec: codec)
  }
}
