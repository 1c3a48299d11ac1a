import AlmanacCore
import Columns
import Foundation
import SampleSources
import Testing

/// The files of the repository and what the loader makes of them, read once for all tests.
///
/// Tasks, so that a test that waits for them leaves its thread to others.
private enum Repository {
  static let files = Task { try Retail.realFiles() }
  static let load = Task {
    try await OnlineRetail.convert(files: files.value, zone: Retail.london())
  }
}

/// A second reading of the files that shares nothing with the loader: lines are split at line
/// feeds, cells off their ends, and numbers read by dropping the point.
private struct NaiveReading {
  var rows = 0
  var sum: Int128 = 0
  /// The sums of invoices by number, of lines with a customer and a price, up to a day.
  var invoices: [String: Int128] = [:]

  init(_ bytes: [UInt8], before day: String = "9999") throws {
    for line in bytes.split(separator: 10).dropFirst() {
      // Country, CustomerID, UnitPrice, InvoiceDate and Quantity hold no comma; text before may.
      var cells: [String] = []
      var end = line.endIndex
      for index in line.indices.reversed() where line[index] == 44 {
        cells.append(String(decoding: line[(index + 1)..<end], as: UTF8.self))
        end = index
        if cells.count == 5 { break }
      }
      let thousandths = try NaiveReading.thousandths(cells[2])
      let quantity = try #require(Int128(cells[4].prefix { $0 != "." }))
      let amount = quantity * thousandths * 10
      rows += 1
      sum += amount
      let number = String(decoding: line.prefix { $0 != 44 }, as: UTF8.self)
      if !cells[1].isEmpty, number.allSatisfy(\.isNumber), thousandths > 0, cells[3] < day {
        invoices[number, default: 0] += amount
      }
    }
  }

  private static func thousandths(_ text: String) throws -> Int128 {
    let parts = text.split(separator: ".")
    let decimals = (String(parts[1]) + "00").prefix(3)
    return try #require(Int128(String(parts[0]) + decimals))
  }
}

@Suite("The online retail files of the repository")
struct OnlineRetailFilesTests {
  @Test("are accounted for to the ten-thousandth, against the published sums and another reading")
  func reconcile() async throws {
    let files = try await Repository.files.value
    async let firstReading = NaiveReading(files[0].bytes, before: "2010-12-01")
    async let secondReading = NaiveReading(files[1].bytes)
    let load = try await Repository.load.value
    let (first, second) = try await (firstReading, secondReading)

    let summary = load.summary
    #expect(summary.isReconciled)
    #expect(summary.files.map(\.read.rows) == [525_461, 541_909])
    #expect(summary.files.map(\.read.amount) == [95_394_846_340, 97_477_479_340])
    #expect(summary.files.map(\.read.rows) == [first.rows, second.rows])
    #expect(summary.files.map(\.read.amount) == [first.sum, second.sum])

    let totals = try Dictionary(
      uniqueKeysWithValues: zip(
        load.texts("billing.invoices", "number"), load.amounts("billing.invoices", "total")))
    let naive = first.invoices.merging(second.invoices, uniquingKeysWith: +)
    #expect(totals == naive)
  }

  @Test("give each row one place, and each rejection an entry in the list")
  func countRows() async throws {
    let load = try await Repository.load.value
    let summary = load.summary
    let refused = RejectionReason.allCases.reduce(0) { count, reason in
      count + summary.total { $0.rejected[reason] ?? .init() }.rows
    }
    let loaded = summary.total(\.invoiceLines).rows + summary.total(\.cancelledLines).rows
    #expect(loaded + refused == 525_461 + 541_909)
    #expect(load.rejections.count { !$0.isPart } == refused)
    let parts = summary.files.reduce(0) { $0 + $1.partlyCancelledLines }
    #expect(load.rejections.count(where: \.isPart) == parts)
    for reason in RejectionReason.allCases {
      let listed = load.rejections.lazy.filter { $0.reason == reason }
        .reduce(Int128(0)) { $0 + Int128($1.amount ?? 0) }
      #expect(listed == summary.total { $0.rejected[reason] ?? .init() }.amount, "\(reason)")
    }
    #expect(summary.total { $0.rejected[.malformedRow] ?? .init() }.rows == 0)
    #expect(summary.total { $0.rejected[.superseded] ?? .init() }.rows == 22_523)
  }

  @Test("give the numbers their README states")
  func matchReadme() async throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "datasets/online-retail/README.md")
    let readme = try String(contentsOf: path, encoding: .utf8)
    let lines = try await Repository.load.value.summary.lines()
    for table in ["companies", "invoices", "refunds"] {
      let line = try #require(lines.first { $0.contains("billing.\(table)") })
      let count = try #require(line.split(separator: " ").last)
      #expect(readme.contains("\(count) "), "\(table): \(count)")
    }
    for reason in ["no customer", "cancellation without an original", "superseded", "adjustment"] {
      let line = try #require(lines.first { $0.contains("  " + reason) })
      let cells = line.split(separator: " ").suffix(2)
      let amount = cells[cells.startIndex + 1].dropLast().replacing("-", with: "−")
      #expect(readme.contains("| \(cells[cells.startIndex]) | \(amount) |"), "\(reason)")
    }
  }

  @Test("give sound books")
  func soundBooks() async throws {
    try await expectSoundBooks(Repository.load.value)
  }

  @Test("are reported in 80 columns")
  func report() async throws {
    let lines = try await Repository.load.value.summary.lines()
    #expect(lines.allSatisfy { $0.count <= 80 && !$0.hasSuffix(" ") })
    #expect(lines.contains { $0.contains("9,539,484.6340") })
    #expect(lines.contains { $0.contains("agrees with what was read") })
  }
}
