import AlmanacCore
import Codecs
import Testing

@Suite("zstd")
struct ZstdTests {
  /// Bytes that compress somewhat: random runs of random bytes.
  private func content(seed: UInt64, upTo maximum: Int = 400_000) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    let size = Int.random(in: 0...maximum, using: &generator)
    var bytes: [UInt8] = []
    while bytes.count < size {
      let run = Int.random(in: 1...50, using: &generator)
      bytes += [UInt8](repeating: UInt8.random(in: 0...255, using: &generator), count: run)
    }
    return bytes
  }

  @Test("decompresses what it compressed", arguments: UInt64(0)..<16)
  func roundTrip(seed: UInt64) throws {
    let bytes = content(seed: seed)
    let level = [Int32(1), 3, 9][Int(seed % 3)]
    let frame = Zstd.compress(bytes, level: level)
    #expect(try Zstd.decompress(frame, maximumSize: bytes.count) == bytes)
    #expect(Zstd.compress(bytes[...], level: level) == frame)
    var decompressor = ZstdDecompressor()
    let decompressed = try decompressor.decompress(frame.span, exactSize: bytes.count)
    #expect(decompressed == bytes)
  }

  @Test("compresses empty content and decompresses no bytes at all")
  func empty() throws {
    #expect(try Zstd.decompress(Zstd.compress([UInt8]()), maximumSize: 0) == [])
    #expect(try Zstd.decompress([], maximumSize: 0) == [])
  }

  @Test("reads several frames as one content")
  func severalFrames() throws {
    let first = content(seed: 1)
    let second = content(seed: 2)
    let frames = Zstd.compress(first) + Zstd.compress([UInt8]()) + Zstd.compress(second)
    #expect(try Zstd.decompress(frames, maximumSize: 1 << 20) == first + second)
  }

  /// The frame of `printf 'almanac almanac almanac' | zstd -c` (zstd 1.5.4), which from a pipe
  /// carries no content size but a checksum.
  @Test("reads a frame without a content size")
  func unknownContentSize() throws {
    let frame: [UInt8] = [
      0x28, 0xB5, 0x2F, 0xFD, 0x04, 0x58, 0x75, 0x00, 0x00, 0x40, 0x61, 0x6C, 0x6D, 0x61, 0x6E,
      0x61, 0x63, 0x20, 0x01, 0x00, 0xEB, 0x0A, 0x17, 0xD2, 0xE1, 0x9F, 0x7F,
    ]
    let text = Array("almanac almanac almanac".utf8)
    #expect(try Zstd.decompress(frame, maximumSize: text.count) == text)
    #expect(throws: CodecError.tooLarge(maximumSize: 22)) {
      try Zstd.decompress(frame, maximumSize: text.count - 1)
    }
    var damaged = frame
    damaged[damaged.count - 1] ^= 1
    #expect(throws: CodecError.self) { try Zstd.decompress(damaged, maximumSize: 100) }
  }

  @Test("streams a content cut anywhere, in bounded pieces", arguments: UInt64(0)..<16)
  func anySplit(seed: UInt64) throws {
    let first = content(seed: seed, upTo: 1_000_000)
    let second = content(seed: seed + 1000)
    let frames = Zstd.compress(first) + Zstd.compress(second)
    var generator = SplitMix64(seed: seed)
    var stream = ZstdStream()
    var decoded: [UInt8] = []
    var largest = 0
    var position = 0
    while position < frames.count {
      let length = min(
        Int.random(in: 0...(seed % 2 == 0 ? 7 : 70_000), using: &generator),
        frames.count - position)
      stream.append(frames[position..<position + length])
      position += length
      while let piece = try stream.next() {
        largest = max(largest, piece.count)
        decoded += piece
      }
    }
    try stream.finish()
    #expect(decoded == first + second)
    #expect(largest <= 131_072)
  }

  @Test("finds a frame that ends too early", arguments: [1, 4, 9, 100])
  func truncated(missing: Int) {
    let frame = Zstd.compress(content(seed: 3))
    #expect(throws: CodecError.truncated) {
      try Zstd.decompress(frame.dropLast(missing), maximumSize: 1 << 20)
    }
  }

  @Test("refuses content beyond the limit, whatever the header says")
  func beyondLimit() {
    let frame = Zstd.compress([UInt8](repeating: 0, count: 1_000_000))
    #expect(throws: CodecError.tooLarge(maximumSize: 999_999)) {
      try Zstd.decompress(frame, maximumSize: 999_999)
    }
    var decompressor = ZstdDecompressor()
    var error: CodecError?
    do throws(CodecError) {
      _ = try decompressor.decompress(frame.span, exactSize: 1 << 40)
    } catch let caught { error = caught }
    #expect(error == .tooLarge(maximumSize: frame.count * 32_768))
  }

  @Test(
    "gives an error or other bytes for damaged frames, never a crash", arguments: UInt64(0)..<32)
  func damaged(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let frame = Zstd.compress(content(seed: seed, upTo: 5000))
    for _ in 0..<20 {
      var damaged = frame
      damaged[Int.random(in: 0..<frame.count, using: &generator)] ^= UInt8.random(
        in: 1...255, using: &generator)
      let result = Result { try Zstd.decompress(damaged, maximumSize: 10_000) }
      if case .success(let bytes) = result { #expect(bytes.count <= 10_000) }
    }
  }

  @Test("describes each failure in one line with exit status 65")
  func descriptions() {
    for error in [
      CodecError.corrupt(reason: "Unknown frame"), .truncated, .tooLarge(maximumSize: 9),
    ] {
      #expect(error.exitStatus == .badData)
      #expect(!error.description.contains("\n") && error.description.contains("compressed data"))
    }
  }
}
