import AlmanacCore
import SampleSources
import Testing

@Suite("CSV reader")
struct CSVReaderTests {
  private struct Record: Equatable {
    var line: Int
    var cells: [String]
    var defect: CSVDefect?
  }

  private func read(_ bytes: [UInt8]) throws -> [Record] {
    var reader = CSVReader(name: "a.csv", bytes: bytes)
    var records: [Record] = []
    while try reader.next() {
      records.append(
        Record(
          line: reader.line,
          cells: (0..<reader.count).map { String(decoding: reader[$0], as: UTF8.self) },
          defect: reader.defect))
    }
    return records
  }

  private func cells(_ text: String) throws -> [[String]] {
    try read(Array(text.utf8)).map(\.cells)
  }

  @Test(
    "reads plain, quoted and empty cells",
    arguments: [
      ("a,b\n", [["a", "b"]]),
      ("a,b", [["a", "b"]]),
      ("a,b\r\nc,d\r\n", [["a", "b"], ["c", "d"]]),
      ("a,b\r", [["a", "b"]]),
      (",\n", [["", ""]]),
      ("a,", [["a", ""]]),
      ("\"a,b\",c\n", [["a,b", "c"]]),
      ("\"a \"\"b\"\" c\",\"\"\"\"\n", [["a \"b\" c", "\""]]),
      ("\"\",\"\"\r\n", [["", ""]]),
      ("\"a\nb\",c\n", [["a\nb", "c"]]),
      ("\"a\r\nb\"\r\n", [["a\r\nb"]]),
      ("a\rb,c\n", [["a\rb", "c"]]),
      ("\u{FEFF}a,b\n", [["a", "b"]]),
      ("a\n\n\r\nb\n", [["a"], ["b"]]),
      ("a,b,c\nd\n", [["a", "b", "c"], ["d"]]),
      (" a , b \n", [[" a ", " b "]]),
      ("", []),
      ("\n", []),
    ])
  func readsCells(text: String, expected: [[String]]) throws {
    #expect(try cells(text) == expected)
  }

  @Test("counts the lines that records begin on, line breaks in cells included")
  func countsLines() throws {
    let text = "h\n\n\"x\ny\r\nz\"\r\nlast"
    #expect(try read(Array(text.utf8)).map(\.line) == [1, 3, 6])
  }

  @Test("marks a record with a stray quote and reads on after it")
  func marksStrayQuote() throws {
    let records = try read(Array("a\"b,c\nd,e\n".utf8))
    #expect(records.map(\.defect) == [.strayQuote, nil])
    #expect(records.map(\.cells) == [["a\"b", "c"], ["d", "e"]])
  }

  @Test("marks a record with text after a closing quote and reads on after it")
  func marksTextAfterQuote() throws {
    let records = try read(Array("\"a\" b,c\n\"d\",e\n".utf8))
    #expect(records.map(\.defect) == [.textAfterQuote, nil])
    #expect(records.map(\.cells) == [["a", "c"], ["d", "e"]])
  }

  @Test("refuses a file that ends inside a quoted cell, naming the line it begins on")
  func refusesUnterminatedQuote() {
    #expect(throws: SampleSourceError.unterminatedQuote(file: "a.csv", line: 2)) {
      try read(Array("a,b\nc,\"d\n\n".utf8))
    }
    #expect(throws: SampleSourceError.unterminatedQuote(file: "a.csv", line: 1)) {
      try read(Array("\"a\"\"".utf8))
    }
  }

  @Test("gives back bytes that are not UTF-8 as they are")
  func keepsBytes() throws {
    var reader = CSVReader(name: "a.csv", bytes: [0x61, 0xA3, 0x2C, 0xFF, 0x0A])
    #expect(try reader.next())
    #expect(Array(reader[0]) == [0x61, 0xA3])
    #expect(Array(reader[1]) == [0xFF])
  }

  @Test("reads back what was written", arguments: UInt64(0)..<64)
  func readsBackWhatWasWritten(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let alphabet = Array("ab,\"\n\r 1")
    let lineEnd = Bool.random(using: &random) ? "\r\n" : "\n"
    var rows: [[String]] = []
    var text = ""
    for _ in 0..<Int.random(in: 1...20, using: &random) {
      let row = (0..<Int.random(in: 2...5, using: &random)).map { _ in
        String(
          (0..<Int.random(in: 0...6, using: &random)).map { _ in
            alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
          })
      }
      rows.append(row)
      text +=
        row.map { cell in
          // Quotes are needed around special characters and allowed around any cell.
          let isPlain = !cell.contains { ",\"\n\r\r\n".contains($0) }
          if isPlain, Bool.random(using: &random) { return cell }
          return "\""
            + cell.split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\"\"") + "\""
        }.joined(separator: ",") + lineEnd
    }
    #expect(try cells(text) == rows)
  }
}
