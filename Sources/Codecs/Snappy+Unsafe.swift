import CSnappy

/// Decompression of Snappy's raw format, which Parquet pages of other writers use.
///
/// - SeeAlso: google/snappy, "Snappy compressed format description".
package enum Snappy {
  /// More bytes of content than this for a byte of input cannot be: an element of 3 bytes copies 64
  /// at most, one of 2 bytes 11.
  private static let maximumRatio = 32

  /// The content of `bytes`, exactly `size` bytes.
  ///
  /// - Throws: `CodecError.tooLarge` if `size` is beyond what so few bytes can hold, `.corrupt` if
  ///   the bytes are damaged or hold another number of bytes.
  package static func decompress(
    _ bytes: Span<UInt8>, exactSize size: Int
  ) throws(CodecError) -> [UInt8] {
    guard size >= 0, size / maximumRatio <= bytes.count else {
      throw .tooLarge(maximumSize: bytes.count * maximumRatio)
    }
    var isWhole = false
    let content = unsafe [UInt8](unsafeUninitializedCapacity: size) { target, count in
      unsafe bytes.withUnsafeBytes { raw in
        let source = unsafe raw.bindMemory(to: CChar.self)
        var length = 0
        guard
          unsafe snappy_uncompressed_length(source.baseAddress, source.count, &length) == SNAPPY_OK,
          length == size
        else { return }
        if size == 0 {
          isWhole = true
          return
        }
        unsafe target.withMemoryRebound(to: CChar.self) { target in
          isWhole =
            unsafe snappy_uncompress(
              source.baseAddress, source.count, target.baseAddress, &length) == SNAPPY_OK
            && length == size
        }
      }
      count = isWhole ? size : 0
    }
    guard isWhole else { throw .corrupt(reason: "it is not \(size) bytes compressed by Snappy") }
    return content
  }

  /// The compressed form of `bytes`, for tests and tools that exchange files with other programs.
  package static func compress(_ bytes: [UInt8]) -> [UInt8] {
    let bound = snappy_max_compressed_length(bytes.count)
    return unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, count in
      var length = bound
      unsafe bytes.withUnsafeBytes { raw in
        let source = unsafe raw.bindMemory(to: CChar.self)
        unsafe target.withMemoryRebound(to: CChar.self) { target in
          let status = unsafe snappy_compress(
            source.baseAddress, source.count, target.baseAddress, &length)
          precondition(status == SNAPPY_OK, "Snappy failed within its own bound")
        }
      }
      count = length
    }
  }
}
