import AlmanacCore
import Codecs
import Testing

@Suite("Snappy")
struct SnappyTests {
  @Test("decompresses what it compressed", arguments: UInt64(0)..<12)
  func roundTrip(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let count = [0, 1, 100, 70_000][Int(seed % 4)]
    let alphabet: UInt8 = [1, 4, 255][Int(seed / 4)]
    let bytes = (0..<count).map { _ in UInt8.random(in: 0...alphabet, using: &generator) }
    let compressed = Snappy.compress(bytes)
    #expect(try Snappy.decompress(compressed.span, exactSize: count) == bytes)
  }

  @Test("decompresses the example of the format's description")
  func example() throws {
    // A literal "ab" and a copy of 6 bytes from 2 bytes before.
    let bytes: [UInt8] = [8, 1 << 2, 0x61, 0x62, 0b000_010_01, 2]
    #expect(try Snappy.decompress(bytes.span, exactSize: 8) == Array("abababab".utf8))
  }

  @Test("gives content or an error for any damage", arguments: UInt64(0)..<20)
  func damage(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let bytes = (0..<500).map { _ in UInt8.random(in: 0...3, using: &generator) }
    var damaged = Snappy.compress(bytes)
    for _ in 0..<3 {
      let position = Int.random(in: damaged.indices, using: &generator)
      damaged[position] = UInt8.random(in: 0...255, using: &generator)
    }
    do throws(CodecError) {
      #expect(try Snappy.decompress(damaged.span, exactSize: 500).count == 500)
    } catch {
      #expect(error.exitStatus == .badData)
    }
  }

  @Test("refuses sizes that are not those of the content")
  func sizes() {
    let compressed = Snappy.compress(Array(repeating: 7, count: 1000))
    for size in [-1, 0, 999, 1001] {
      #expect(throws: CodecError.self) {
        try Snappy.decompress(compressed.span, exactSize: size)
      }
    }
    #expect(throws: CodecError.tooLarge(maximumSize: 96)) {
      try Snappy.decompress([1, 2, 3].span, exactSize: 1 << 40)
    }
  }
}
