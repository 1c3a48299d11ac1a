import CZstd
import Synchronization

/// A compression context that is used for many inputs, each of which becomes one frame.
@safe package struct ZstdCompressor: ~Copyable {
  private let context: OpaquePointer
  private let level: Int32
  /// Room for the largest frame so far.
  private var room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 0)

  /// A context for frames of the given level, 1 (fast) to 19 (small).
  package init(level: Int32 = 1) {
    guard let context = unsafe ZSTD_createCCtx() else {
      fatalError("no memory for a zstd context")
    }
    unsafe self.context = context
    self.level = level
  }

  deinit {
    unsafe ZSTD_freeCCtx(context)
    unsafe room.deallocate()
  }

  /// Calls `body` with the compressed form of `bytes`, which is gone when it returns.
  package mutating func withCompressed<Result>(
    _ bytes: Span<UInt8>, _ body: (Span<UInt8>) -> Result
  ) -> Result {
    let bound = ZSTD_compressBound(bytes.count)
    if unsafe room.count < bound {
      unsafe room.deallocate()
      unsafe room = .allocate(capacity: bound)
    }
    let count = unsafe bytes.withUnsafeBufferPointer { source in
      unsafe ZSTD_compressCCtx(
        context, room.baseAddress, room.count, source.baseAddress, source.count, level)
    }
    precondition(ZSTD_isError(count) == 0, "zstd failed within its own bound")
    // zstd has written the first `count` bytes.
    return unsafe body(UnsafeBufferPointer(rebasing: room[..<count]).span)
  }

  /// Adds the compressed form of `bytes` at the end of `output`.
  package mutating func compress(_ bytes: Span<UInt8>, appendingTo output: inout [UInt8]) {
    withCompressed(bytes) { frame in
      unsafe frame.withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
    }
  }
}

/// A decompression context that is used for many frames whose content size the caller knows.
@safe package struct ZstdDecompressor: ~Copyable {
  private let context: OpaquePointer

  /// Contexts that nobody uses at the moment: to make one costs more than many a page.
  private static let idle = Mutex<[IdleContext]>([])
  /// Contexts that are kept at the most, of about 160 KB each.
  private static let maximumIdle = 32

  /// A context without input.
  package init() {
    if let known = ZstdDecompressor.idle.withLock({ $0.popLast() }) {
      unsafe context = known.pointer
      return
    }
    guard let context = unsafe ZSTD_createDCtx() else {
      fatalError("no memory for a zstd context")
    }
    unsafe self.context = context
  }

  deinit {
    unsafe ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
    let own = unsafe IdleContext(pointer: context)
    let isKept = ZstdDecompressor.idle.withLock { idle in
      guard idle.count < ZstdDecompressor.maximumIdle else { return false }
      idle.append(own)
      return true
    }
    if !isKept { unsafe ZSTD_freeDCtx(context) }
  }

  /// The content of the frames in `bytes`, exactly `size` bytes.
  ///
  /// - Throws: `CodecError.tooLarge` if `size` is beyond what so few bytes can hold or the content
  ///   is longer, `.truncated` if it is shorter, `.corrupt` otherwise.
  package mutating func decompress(
    _ bytes: Span<UInt8>, exactSize size: Int
  ) throws(CodecError) -> [UInt8] {
    guard size >= 0, size / Zstd.maximumRatio <= bytes.count else {
      throw .tooLarge(maximumSize: bytes.count * Zstd.maximumRatio)
    }
    var status = 0
    let content = unsafe [UInt8](unsafeUninitializedCapacity: size) { target, count in
      status = unsafe bytes.withUnsafeBufferPointer { source in
        unsafe ZSTD_decompressDCtx(
          context, target.baseAddress, size, source.baseAddress, source.count)
      }
      count = ZSTD_isError(status) == 0 ? status : 0
    }
    guard ZSTD_isError(status) == 0 else {
      if ZSTD_getErrorCode(status) == ZSTD_error_dstSize_tooSmall {
        throw .tooLarge(maximumSize: size)
      }
      throw .corrupt(reason: Zstd.errorName(status))
    }
    guard content.count == size else { throw .truncated }
    return content
  }
}

/// A context that nobody uses, and that whoever takes it out of the list has alone.
@safe private struct IdleContext: @unchecked Sendable {
  let pointer: OpaquePointer
}

/// Decompression of a stream of frames that arrives in chunks.
///
/// ```swift
/// var stream = ZstdStream()
/// while let chunk = read() {
///   stream.append(chunk)
///   while let piece = try stream.next() { parse(piece) }
/// }
/// try stream.finish()
/// ```
@safe package struct ZstdStream: ~Copyable {
  private let context: OpaquePointer
  private var input: ArraySlice<UInt8> = []
  /// Whether zstd may hold content back because the last piece was full.
  private var mayHoldMore = false
  /// Whether the last byte taken ended a frame.
  private var isAtFrameEnd = true

  /// A stream at its beginning.
  package init() {
    guard let context = unsafe ZSTD_createDCtx() else {
      fatalError("no memory for a zstd context")
    }
    unsafe self.context = context
  }

  deinit {
    unsafe ZSTD_freeDCtx(context)
  }

  /// Gives the stream its next bytes, cut anywhere; the ones before must all be taken.
  package mutating func append(_ chunk: [UInt8]) {
    append(chunk[...])
  }

  /// Gives the stream its next bytes, cut anywhere; the ones before must all be taken.
  package mutating func append(_ chunk: ArraySlice<UInt8>) {
    precondition(input.isEmpty, "\(input.count) bytes of the last chunk are not yet taken")
    input = chunk
  }

  /// The next piece of content, at most 128 KiB and never empty; `nil` when more input is needed.
  ///
  /// - Throws: `CodecError.corrupt`.
  package mutating func next() throws(CodecError) -> [UInt8]? {
    let pieceSize = ZSTD_DStreamOutSize()
    while !input.isEmpty || mayHoldMore {
      var status = 0
      var consumed = 0
      let piece = unsafe [UInt8](unsafeUninitializedCapacity: pieceSize) { target, count in
        unsafe input.withUnsafeBufferPointer { source in
          var source = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
          var output = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: pieceSize, pos: 0)
          status = unsafe ZSTD_decompressStream(context, &output, &source)
          consumed = unsafe source.pos
          count = unsafe output.pos
        }
      }
      guard ZSTD_isError(status) == 0 else { throw .corrupt(reason: Zstd.errorName(status)) }
      input = input.dropFirst(consumed)
      isAtFrameEnd = status == 0
      mayHoldMore = piece.count == pieceSize && !isAtFrameEnd
      if !piece.isEmpty { return piece }
    }
    return nil
  }

  /// Ends the stream.
  ///
  /// - Throws: `CodecError.truncated` if it ends in the middle of a frame.
  package consuming func finish() throws(CodecError) {
    precondition(input.isEmpty, "\(input.count) bytes of the last chunk are not yet taken")
    guard isAtFrameEnd else { throw .truncated }
  }
}

extension Zstd {
  /// More bytes of content than this for a byte of input cannot be: a block of 4 bytes repeats one
  /// byte at most 131,072 times.
  static let maximumRatio = 32_768

  /// The content size in the header of the first frame, `nil` if it names none.
  static func contentSize(_ bytes: Span<UInt8>) -> Int? {
    let size = unsafe bytes.withUnsafeBufferPointer {
      unsafe ZSTD_getFrameContentSize($0.baseAddress, $0.count)
    }
    // The two highest values mean "unknown" and "error".
    return size >= UInt64.max - 1 ? nil : Int(exactly: size)
  }

  /// The text of an error status.
  static func errorName(_ status: Int) -> String {
    unsafe String(cString: ZSTD_getErrorName(status))
  }
}
