import AlmanacCore
import Files
import Foundation
import TestSupport
import Testing

/// What `almanac fit` does with tables that are odd, or no tables.
@Suite("Odd tables")
struct OddTableTests {
  /// A file that is no table, or one that nothing can be learnt from.
  struct Refused: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var bytes: [UInt8]
    var message: String

    init(_ name: String, _ text: String, _ message: String) {
      testDescription = name
      bytes = Array(text.utf8)
      self.message = message
    }
  }

  private static let hundred = (0..<100).map { "\($0 % 7),\($0 % 2)" }.joined(separator: "\n")

  private static var refused: [Refused] {
    var wrong = Refused("another encoding", "x,y\n", "not UTF-8")
    wrong.bytes += [0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72, 0x2C, 0x31, 0x0A]
    return [
      wrong,
      Refused("an empty file", "", "is empty"),
      Refused("a header alone", "x,y\n", "has a header but no rows"),
      Refused("a ragged row", "x,y\n1,0\n2\n3,1\n", "line 3: 1 cells under 2 columns"),
      Refused("an open quote", "x,y\n1,\"0\n2,1\n", "line 2"),
      Refused("one name twice", "x,x,y\n1,2,0\n", "two columns are called \"x\""),
      Refused("a column without a name", "x,,y\n1,2,0\n", "column 2 has no name"),
      Refused("a constant target", "x,y\n1,1\n2,1\n3,1\n", "one value only"),
      Refused("an empty target", "x,y\n1,\n2,\n", "the target has no value"),
      Refused("one row of a class", "x,y\n1,0\n2,0\n3,1\n5,0\n", "two are the least"),
      Refused(
        "no usable column", "x,y\n" + (0..<40).map { ",\($0 % 2)" }.joined(separator: "\n"),
        "no column is left"),
      Refused(
        "an infinite target",
        "x,y\n"
          + (0..<40).map { "\($0 % 9),\($0 == 3 ? "inf" : "\($0)")" }
          .joined(separator: "\n"), "infinite values"),
      Refused(
        "a target near the largest number",
        "x,y\n" + (0..<40).map { "\($0 % 9),\($0 * 4)e306" }.joined(separator: "\n"),
        "give the target in another unit"),
      Refused(
        "a subnormal target",
        "x,y\n" + (0..<40).map { "\($0 % 9),\($0 + 1)e-320" }.joined(separator: "\n"),
        "give the target in another unit"),
      Refused("semicolons", "x;y\n1;0\n2;1\n", "separate cells by commas"),
      Refused(
        "texts that never repeat",
        "x,y\n" + (0..<40).map { "\"\($0),5\",\($0 % 2)" }.joined(separator: "\n"),
        "column \"x\" is left out"),
      Refused(
        "a target of texts",
        "x,y\n"
          + (0..<40).map { "\($0 % 9),\(["a", "b", "c"][$0 % 3])" }
          .joined(separator: "\n"), "texts of 3 kinds"),
    ]
  }

  @Test("a table that cannot be used is refused in one line", arguments: refused)
  func refusal(_ table: Refused) throws {
    try withTemporaryDirectory { folder in
      try FileSystem.writeAtomically(table.bytes, to: folder.appending(path: "t.csv").path)
      let result = try almanacAlone(
        ["fit", "--data", "t.csv", "--target", "y", "--out", "m.json"], in: folder)
      #expect(result.status == 65, "\(result.stderr)")
      #expect(result.stderr.contains(table.message), "\(result.stderr)")
      #expect(result.stderr.split(separator: "\n").count == 1, "\(result.stderr)")
      #expect(!(try FileSystem.exists(folder.appending(path: "m.json").path)))
    }
  }

  /// A table that is odd but has an answer, and what is to be said of it.
  struct Odd: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var header: String
    var note: String?
    /// The cells of a row, the target last; `row` and a draw are given.
    var cells: @Sendable (Int, Double) -> String
    var rowCount = 120
  }

  private static let odd = [
    Odd(testDescription: "quotes and newlines", header: "x,y", note: nil) { row, _ in
      ["\"a\"\"b\"", "\"c\nd\"", "\" e,f\""][row % 3] + ",\(row % 5 < 2 ? 1 : 0)"
    },
    Odd(testDescription: "an all-null column", header: "x,n,y", note: "\"n\" is left out") {
      row, draw in "\(draw),NA,\(row % 2)"
    },
    Odd(testDescription: "a constant column", header: "x,c,y", note: "\"c\" is left out") {
      row, draw in "\(draw),5,\(row % 2)"
    },
    Odd(testDescription: "a copy of a column", header: "x,x2,y", note: "equals column \"x\"") {
      row, draw in "\(draw),\(draw),\(row % 2)"
    },
    Odd(testDescription: "identifiers", header: "x,id,y", note: "identifier") { row, draw in
      "\(draw),C\(row)-\(row * 7),\(row % 2)"
    },
    Odd(testDescription: "1e300", header: "x,y", note: nil) { row, draw in
      "\((draw - 0.5) * 1.7)e308,\(row % 2)"
    },
    Odd(testDescription: "subnormal numbers", header: "x,y", note: nil) { row, draw in
      "\(draw)e-310,\(row % 2)"
    },
    Odd(testDescription: "NaN and infinities", header: "x,y", note: nil) { row, draw in
      "\(["NaN", "inf", "-inf"].indices.contains(row) ? ["NaN", "inf", "-inf"][row] : "\(draw)"),"
        + "\(row % 2)"
    },
    Odd(testDescription: "separation", header: "x,z,y", note: "AUC above 0.99") { row, draw in
      "\(row % 2 == 0 ? draw : draw + 2),\(draw),\(row % 2)"
    },
    Odd(
      testDescription: "fewer rows than columns",
      header: (0..<30).map { "x\($0)" }.joined(separator: ",") + ",y",
      note: "columns for 12 rows",
      cells: { row, draw in
        (0..<30).map { "\(sin(Double(row * 31 + $0 * 7) + draw))," }.joined() + "\(row % 2)"
      }, rowCount: 12),
    Odd(
      testDescription: "1,000 columns",
      header: (0..<1000).map { "x\($0)" }.joined(separator: ",") + ",y", note: nil,
      cells: { row, draw in
        (0..<1000).map { "\(($0 * 7919 + row * 104_729 + row * row * $0) % 101)," }.joined()
          + "\(draw < 0.4 ? 1 : 0)"
      }, rowCount: 60),
  ]

  @Test("an odd table gives a sound fit and says what was done", arguments: odd)
  func oddity(_ table: Odd) throws {
    var random = SplitMix64(seed: 4)
    let rows = (0..<table.rowCount).map { table.cells($0, random.nextUnit()) }
    try withTemporaryDirectory { folder in
      try writeText(table.header + "\n" + rows.joined(separator: "\n") + "\n", "t.csv", in: folder)
      let fit = try almanacAlone(
        ["fit", "--data", "t.csv", "--target", "y", "--out", "m.json"], in: folder)
      try #require(fit.status == 0, "\(fit.stderr)")
      if let note = table.note { #expect(fit.stdout.contains(note), "\(fit.stdout)") }
      // Rows of levels and sizes never seen, and empty ones.
      let width = table.header.split(separator: ",").count - 1
      let strange = ["new level", "", "1e308", "-1e308", "inf"].map { cell in
        [String](repeating: cell, count: width).joined(separator: ",") + ",0"
      }
      try writeText(
        table.header + "\n" + (rows + strange).joined(separator: "\n") + "\n", "new.csv",
        in: folder)
      let predict = try almanacAlone(
        ["predict", "--model", "m.json", "--data", "new.csv", "--out", "p.csv"], in: folder)
      try #require(predict.status == 0, "\(predict.stderr)")
      let lines = String(
        decoding: try FileSystem.read(folder.appending(path: "p.csv").path), as: UTF8.self
      ).split(separator: "\n").dropFirst()
      #expect(lines.count == rows.count + strange.count)
      for line in lines {
        let value = Double(line.split(separator: ",", omittingEmptySubsequences: false)[1])
        #expect(value.map { $0 > 0 && $0 < 1 } == true, "\(line)")
      }
      let show = try almanacAlone(["show", "m.json"], in: folder)
      #expect(show.status == 0 && !show.stdout.contains(" inf "), "\(show.stdout)")
    }
  }
}
