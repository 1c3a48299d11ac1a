import AlmanacCore
import Columns
import Foundation
import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("Texts about datasets")
struct DatasetTextTests {
  private static func dataset(
    _ dates: [String?], takenAt: String = "2026-01-03T00:00:00.000000Z"
  ) -> Manifest.Dataset {
    Manifest.Dataset(
      watermark: Watermark(
        snapshot: "10:20:", takenAt: takenAt, systemIdentifier: "7391",
        databaseOID: "5", tableOID: "16400"),
      definitionDigest: "d",
      parts: dates.enumerated().map { index, date in
        Manifest.Part(
          path: "events/\(date.map { "date=\($0)/" } ?? "")part-\(index).parquet", date: date,
          rows: 1_000 + index, bytes: 20_000, sha256: "\(index)")
      })
  }

  private static let summaries = [
    DatasetSummary(name: "companies", dataset([nil])),
    DatasetSummary(name: "events", dataset(["2026-01-01", "2026-01-04", "2026-01-04"])),
  ]

  @Test("count the days without a part between the first and the last")
  func missingDays() {
    #expect(Self.summaries.map(\.missingDays) == [0, 2])
    #expect(Self.summaries.map(\.parts) == [1, 3])
    #expect(Self.summaries.map(\.rows) == [1_000, 3_003])
    #expect(Self.summaries[0].days == nil)
  }

  @Test("list datasets as a table, as CSV and as JSON", arguments: OutputFormat.allCases)
  func list(format: OutputFormat) throws {
    let lines = DatasetListText(Self.summaries, path: "var/data").lines(format)
    if format == .table { expectFits(lines) }
    try expectGolden(lines.joined(separator: "\n"), "datasets-\(format.rawValue)")
    if format == .json {
      let parsed = try JSONSerialization.jsonObject(with: Data(lines.joined().utf8))
      #expect((parsed as? [[String: Any]])?.map { $0["rows"] as? Int } == [1_000, 3_003])
    }
  }

  @Test("name each cut and its watermark, and say where there is no dataset")
  func cuts() {
    var late = Self.dataset([nil], takenAt: "2026-02-01T00:00:00Z")
    late.watermark.horizon = 4_321
    let other = DatasetSummary(name: "late", late)
    let lines = DatasetListText(Self.summaries + [other], path: "p").lines(.table)
    #expect(
      lines.contains { $0.hasPrefix("  late       2026-02-01T00:00:00Z") && $0.hasSuffix("4,321") })
    #expect(lines.count { $0.hasSuffix("all rows") } == 2)
    #expect(DatasetListText([], path: "p").lines(.table) == ["p holds no dataset yet."])
    #expect(DatasetListText([], path: "p").lines(.json) == ["[]"])
  }

  @Test("tell how far a first load is that has not ended")
  func loads() {
    let chunks = (0..<3).map { index in
      Manifest.Load.Chunk(
        relation: "16400", start: index, end: index + 1, rows: index < 2 ? 1_500 : nil)
    }
    let load = LoadSummary(
      name: "events",
      Manifest.Load(
        watermark: Self.dataset([]).watermark, definitionDigest: "d", chunks: chunks))
    let expected =
      "events: the first load has not ended: 3,000 rows in 2 of 3 chunks; the next run goes on"
    func text(_ summaries: [DatasetSummary]) -> String {
      DatasetListText(summaries, loads: [load], path: "p").lines(.table).joined(separator: " ")
    }
    #expect(text([]) == expected)
    #expect(text(Self.summaries).hasSuffix(expected))
  }

  private static func batch(rows: Int, text: String) -> Batch {
    var id = ColumnBuilder(Field("id", .int64))
    var words = ColumnBuilder(Field("words", .text, isNullable: true))
    var amount = ColumnBuilder(Field("amount", .money))
    for row in 0..<rows {
      id.append(.integer(Int128(row)))
      words.append(row == 1 ? nil : .text(text))
      amount.append(.integer(Int128(row) * 12_345))
    }
    return Batch([id.finish(), words.finish(), amount.finish()])
  }

  @Test("show rows in every format", arguments: OutputFormat.allCases)
  func rows(format: OutputFormat) throws {
    let batch = Self.batch(rows: 3, text: "=a,\"b\"\u{1B}[31m\nc")
    let lines = RowText(batch.fields, [batch], total: 1_234).lines(format)
    try expectGolden(lines.joined(separator: "\n"), "rows-\(format.rawValue)")
    if format == .json {
      let parsed = try JSONSerialization.jsonObject(with: Data(lines.joined().utf8))
      let objects = try #require(parsed as? [[String: Any]])
      #expect(objects.count == 3)
      #expect(objects[0]["words"] as? String == "=a,\"b\"\u{1B}[31m\nc")
      #expect(objects[1]["words"] is NSNull)
    }
  }

  @Test("keep the table in line with letters of double width and many columns")
  func wideRows() throws {
    var columns: [Column] = []
    for index in 0..<12 {
      var builder = ColumnBuilder(Field("column_\(index)", .text))
      for text in ["日本語", "x", "👍🏽 ok", "a long text that does not fit into one cell"] {
        builder.append(.text(text))
      }
      columns.append(builder.finish())
    }
    let batch = Batch(columns)
    let lines = RowText(batch.fields, [batch], total: 4).lines(.table)
    #expect(lines.allSatisfy { Display.width(of: $0) <= 80 })
    let rest = lines.suffix(2).joined(separator: " ")
    #expect(rest.contains("column_4") && rest.contains("column_11"), "\(lines)")
    // The second column begins at the same place in every line.
    for line in lines.prefix(5) {
      var start = ""
      for character in line where Display.width(of: start) < 22 { start.append(character) }
      #expect(Display.width(of: start) == 22 && start.hasSuffix("  "), "\(line)")
    }
  }

  @Test("say that a verification found nothing, or what it found")
  func unreadable() {
    let error = DataDirectoryError.damagedParts(count: 2, total: 9, path: "it's here")
    #expect(error.description.contains("--data 'it'\\''s here'"))
    #expect(error.exitStatus == .badData)
    for error in [
      DataDirectoryError.missingFolder(path: "d"), .missingManifest(path: "d"),
      .unknownDataset(name: "\"a\"", suggestion: "", known: ["b"]),
    ] {
      #expect(error.exitStatus == .missingInput)
      #expect(isOneLine(error.description) && error.description.contains("; "))
    }
    let manifest = DataDirectoryError.unreadableManifest(path: "d")
    #expect(manifest.exitStatus == .badData)
    #expect(isOneLine(manifest.description) && manifest.description.contains("; "))
  }
}
