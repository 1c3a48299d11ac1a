import AlmanacCore
import Codecs
import Testing

@Suite("SHA-256")
struct SHA256Tests {
  /// The examples of FIPS 180-4 (csrc.nist.gov, "Secure Hash Standard, examples with intermediate
  /// values") and the empty message.
  @Test(
    "gives the digests of the standard's examples",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func standardExamples(message: String, digest: String) {
    #expect(SHA256.hexadecimal(SHA256.digest(of: message)) == digest)
    #expect(SHA256.hexadecimalDigest(of: Array(message.utf8)) == digest)
  }

  @Test("digests a million times the letter a in pieces of 1,000")
  func millionLetters() {
    var hash = SHA256()
    let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 1000)
    for _ in 0..<1000 { hash.update(piece) }
    #expect(
      SHA256.hexadecimal(hash.finalize())
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test("does not depend on how the bytes are cut", arguments: UInt64(0)..<32)
  func anySplit(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let bytes = (0..<Int.random(in: 0...5000, using: &generator)).map { _ in
      UInt8.random(in: 0...255, using: &generator)
    }
    var hash = SHA256()
    var position = 0
    while position < bytes.count {
      let length = Int.random(in: 0...min(300, bytes.count - position), using: &generator)
      hash.update(bytes[position..<position + length])
      position += length
    }
    #expect(hash.finalize() == SHA256.digest(of: bytes))
  }
}
