import AlmanacCore
import Columns
import Testing

@testable import AlmanacCommands

@Suite("Cells")
struct CellTextTests {
  @Test("show every type as it is written in SQL or ISO 8601")
  func types() throws {
    let values: [(ColumnValue, ColumnType, String, String)] = [
      (.bool(true), .bool, "true", "true"), (.integer(-7), .int16, "-7", "-7"),
      (.integer(-125_000), .money, "-12.5000", "-12.5000"),
      (.integer(1), .money, "0.0001", "0.0001"), (.integer(0), .money, "0.0000", "0.0000"),
      (.integer(-5), .decimal(scale: 2), "-0.05", "-0.05"),
      (.integer(5), .decimal(scale: 0), "5", "5"),
      (
        .integer(.min), .money, "-17014118346046923173168730371588410.5728",
        "-17014118346046923173168730371588410.5728"
      ),
      (.float(0.5), .float64, "0.5", "0.5"), (.float(Double(Float(0.1))), .float32, "0.1", "0.1"),
      (.float(.nan), .float64, "nan", "\"nan\""),
      (.bytes([0, 0x1B, 0xFF]), .bytes, "001bff", "\"001bff\""),
      (.text("naïve"), .text, "naïve", "\"naïve\""),
      (.bytes([0x61, 0xFF]), .text, "a\u{FFFD}", "\"a\u{FFFD}\""),
      (
        .uuid(UUIDValue(high: 1, low: 2)), .uuid, "00000000-0000-0001-0000-000000000002",
        "\"00000000-0000-0001-0000-000000000002\""
      ),
      (.uuids([]), .uuidList, "{}", "[]"),
      (.date(CalendarDate(daysSinceEpoch: -1)), .date, "1969-12-31", "\"1969-12-31\""),
      (
        .timestamp(Timestamp(microseconds: 1)), .timestamp, "1970-01-01T00:00:00.000001Z",
        "\"1970-01-01T00:00:00.000001Z\""
      ),
    ]
    for (value, type, plain, json) in values {
      #expect(CellText.plain(value, as: type) == plain)
      #expect(CellText.table(value, as: type) == plain)
      #expect(CellText.csv(value, as: type) == plain)
      #expect(CellText.json(value, as: type) == json)
    }
  }

  @Test("write a list in braces, and as an array of JSON")
  func lists() {
    let list = ColumnValue.uuids([.zero, UUIDValue(high: 1, low: 2)])
    let text = ["00000000-0000-0000-0000-000000000000", "00000000-0000-0001-0000-000000000002"]
    #expect(CellText.plain(list, as: .uuidList) == "{\(text[0]),\(text[1])}")
    #expect(CellText.csv(list, as: .uuidList) == "\"{\(text[0]),\(text[1])}\"")
    #expect(CellText.json(list, as: .uuidList) == "[\"\(text[0])\",\"\(text[1])\"]")
  }

  @Test("tell null from empty text")
  func nulls() {
    #expect(CellText.csv(nil, as: .text).isEmpty)
    #expect(CellText.csv(.text(""), as: .text) == "\"\"")
    #expect(CellText.json(nil, as: .text) == "null")
    #expect(CellText.json(.text(""), as: .text) == "\"\"")
    #expect(CellText.table(nil, as: .text).isEmpty)
  }

  @Test(
    "are harmless for spreadsheets, plain numbers stay",
    arguments: [
      ("=1+1", "'=1+1"), ("+cmd", "'+cmd"), ("-2+3", "'-2+3"), ("@sum", "'@sum"),
      ("\t=1", "'\t=1"), ("-12.50", "-12.50"), ("+7", "+7"), ("-1e-5", "-1e-5"), ("-", "'-"),
      ("-1.", "'-1."), ("-e5", "'-e5"), ("=a,\"b\"", "\"'=a,\"\"b\"\"\""), ("a=b", "a=b"),
      ("=\u{301}x", "'=\u{301}x"),
    ])
  func formulas(text: String, cell: String) {
    #expect(CellText.csv(text) == cell)
  }

  @Test(
    "are quoted where a comma, a quote or a line feed is in them",
    arguments: [
      ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\nb", "\"a\nb\""), ("a b", "a b"),
      ("a\"\u{301}b", "\"a\"\"\u{301}b\""), (",\u{301}", "\",\u{301}\""),
    ])
  func quotes(text: String, cell: String) {
    #expect(CellText.csv(text) == cell)
  }

  @Test("let no control character through to a terminal", arguments: UInt64(0)..<32)
  func controls(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var text = ""
    for _ in 0..<40 {
      let value = UInt32.random(in: 0..<0x2070, using: &random)
      if let scalar = Unicode.Scalar(value % 3 == 0 ? value : value % 0xA0) {
        text.unicodeScalars.append(scalar)
      }
    }
    func controls(_ text: String) -> [Unicode.Scalar] {
      text.unicodeScalars.filter { scalar in
        scalar.properties.generalCategory == .control || scalar.properties.isBidiControl
      }
    }
    #expect(controls(CellText.table(.text(text), as: .text)).isEmpty)
    #expect(controls(CellText.json(text)).isEmpty)
    #expect(controls(CellText.csv(text)).allSatisfy { $0 == "\n" || $0 == "\t" })
  }

  @Test("write control characters so that they can be read")
  func escapes() {
    #expect(CellText.table(.text("a\u{1B}[2J\r\n\tb"), as: .text) == "a\\u{1b}[2J\\r\\n\\tb")
    #expect(CellText.json("\u{1B}\u{202E}\"\\") == "\"\\u001b\\u202e\\\"\\\\\"")
    #expect(CellText.csv("a\u{1B}b\r") == "a\\u{1b}b\\r")
  }
}
