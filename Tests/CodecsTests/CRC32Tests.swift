import AlmanacCore
import Codecs
import Testing

@Suite("CRC-32")
struct CRC32Tests {
  /// The check value in the catalogue of parametrised CRC algorithms (CRC-32/ISO-HDLC).
  @Test("gives the catalogue's check value")
  func checkValue() {
    #expect(CRC32.checksum(of: Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(CRC32.checksum(of: [] as [UInt8]) == 0)
  }

  @Test(
    "equals division bit by bit at every length",
    arguments: Array(0..<40) + [12_287, 12_288, 12_289, 12_299, 24_576, 30_001])
  func bitByBit(length: Int) {
    var generator = SplitMix64(seed: UInt64(length))
    let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
    var remainder: UInt32 = ~0
    for byte in bytes {
      remainder ^= UInt32(byte)
      for _ in 0..<8 {
        remainder = remainder & 1 == 1 ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1
      }
    }
    #expect(CRC32.checksum(of: bytes) == ~remainder)
  }
}
