import AlmanacCore
import Documents
import Testing

@Suite("Damaged documents")
struct DocumentFuzzTests {
  private static let valid = """
    # a pipeline
    pipeline: nightly
    schedule: "15 2 * * *"   # at night
    zone: 'Europe/London'
    currency: ${CURRENCY}
    text: |
      two
      lines
    folded: >-
      one
      line
    stages:
      - extract: all
      - rollup: {grains: [hour, day], more: {a: ~, b: "é\\u00e9\\n"}}
      - - nested
        - list
      -
        key: value
    ? complex
    : value
    ...

    """
  private static let pieces = [
    "\t", "\n", " ", ": ", "- ", "? ", "[", "]", "{", "}", ",", "\"", "'", "#", "&a", "*a",
    "!!int ",
    "!", "|", ">", "%YAML 1.1\n", "---\n", "...\n", "${A}", "${", "$${", "\\", "\u{85}", "\u{2028}",
    "\u{FEFF}", "\u{0}", "<<: ", "@", "`",
  ]

  @Test("give a node or an error with a place, and never crash", arguments: UInt64(0)..<128)
  func mutations(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<40 {
      var bytes = Array(Self.valid.utf8)
      for _ in 0..<Int.random(in: 1...6, using: &random) { Self.mutate(&bytes, using: &random) }
      let lines = bytes.count { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") } + 2
      do throws(DocumentError) {
        let node = try Document.parse(bytes, file: "f.yaml") { $0.count < 3 ? nil : "GBP" }
        #expect(!node.canonicalText.isEmpty)
      } catch {
        // U+0085, U+2028 and U+2029 end lines too, so count them generously.
        let more = bytes.count { $0 == 0x85 || $0 == 0xA8 || $0 == 0xA9 }
        #expect((1...(lines + more)).contains(error.mark.line), "\(error) in \(bytes)")
        #expect((1...(bytes.count + 2)).contains(error.mark.column), "\(error) in \(bytes)")
        #expect(!error.description.contains("\n"), "\(bytes)")
        #expect(error.exitStatus == .configuration, "\(error)")
      }
    }
  }

  @Test("are rare enough among the mutations that the undamaged one still reads")
  func undamaged() throws {
    let node = try Document.parse(Array(Self.valid.utf8), file: "f.yaml") { _ in "GBP" }
    #expect(try scalar(try value("currency", in: node)).text == "GBP")
    #expect(try scalar(try value("text", in: node)).text == "two\nlines\n")
    #expect(try scalar(try value("folded", in: node)).text == "one line")
    #expect(try scalar(try value("complex", in: node)).text == "value")
  }

  @Test("give an error or a node at each length they can be cut to")
  func truncations() {
    let bytes = Array(Self.valid.utf8)
    var read = 0
    for length in 0...bytes.count {
      let cut = Array(bytes.prefix(length))
      if let node = try? Document.parse(cut, file: "f.yaml", lookup: { _ in "GBP" }) {
        #expect(!node.canonicalText.isEmpty)
        read += 1
      }
    }
    #expect(read > 0)
    #expect(read < bytes.count)
  }

  private static func mutate(_ bytes: inout [UInt8], using random: inout SplitMix64) {
    let place = Int.random(in: 0...bytes.count, using: &random)
    let end = min(bytes.count, place + Int.random(in: 0...8, using: &random))
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
    case 1: bytes.removeSubrange(place..<end)
    case 2:
      bytes.insert(contentsOf: (pieces.randomElement(using: &random) ?? "").utf8, at: place)
    case 3:
      bytes.insert(
        contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
    case 4 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    default:
      bytes.replaceSubrange(
        place..<end, with: (pieces.randomElement(using: &random) ?? "").utf8)
    }
  }
}
