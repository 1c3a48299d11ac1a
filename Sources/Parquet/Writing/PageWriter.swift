import Codecs

/// Compresses pages and adds them, with header and checksum, to a file.
struct PageWriter: ~Copyable {
  /// The compression of all pages.
  let codec: PageCodec
  private var compressor: ZstdCompressor

  /// A writer with one compression level, `nil` for no compression.
  init(compressionLevel: Int32?) {
    codec = compressionLevel == nil ? .uncompressed : .zstd
    compressor = ZstdCompressor(level: compressionLevel ?? 1)
  }

  /// Adds a page to a file; the bytes it has with its header, before and after compression.
  mutating func write(
    _ content: PageHeader.Content, body: [UInt8], to file: inout [UInt8]
  ) -> (uncompressed: Int, compressed: Int) {
    var compressed: [UInt8] = []
    if codec == .zstd { compressor.compress(body.span, appendingTo: &compressed) }
    let stored = codec == .zstd ? compressed : body
    precondition(body.count <= Int32.max && stored.count <= Int32.max, "a page above 2 GB")
    let header = PageHeader(
      content: content, uncompressedSize: body.count, compressedSize: stored.count,
      checksum: CRC32.checksum(of: stored)
    ).encoded()
    file.append(contentsOf: header)
    file.append(contentsOf: stored)
    return (header.count + body.count, header.count + stored.count)
  }
}
