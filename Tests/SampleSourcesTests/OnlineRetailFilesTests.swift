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

/// A second reading of the files that shares nothing with the loader: lines end at line feeds, the
/// cells in use are found by counting commas from the end, and numbers are read by skipping the point.
private struct NaiveReading {
  var rows = 0
  var sum: Int128 = 0
  /// The sums of invoices by number, of lines with a customer and a price, before a day.
  var invoices: [Int: Int128] = [:]
  private let bytes: [UInt8]

  init(_ bytes: [UInt8], before day: Int = .max) {
    self.bytes = bytes
    // Country, CustomerID, UnitPrice, InvoiceDate and Quantity hold no comma; text before may.
    var commas = (0, 0, 0, 0, 0)
    var start = 0
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte == 44 {
        commas = (commas.1, commas.2, commas.3, commas.4, index)
      } else if byte == 10 {
        if start > 0 { add(start, commas, before: day) }
        start = index + 1
      }
      index += 1
    }
  }

  private mutating func add(
    _ start: Int, _ commas: (Int, Int, Int, Int, Int), before day: Int
  ) {
    let quantity = digits(commas.0, commas.1).beforePoint
    let price = digits(commas.2, commas.3)
    var amount = Int128(quantity * price.value)
    for _ in price.decimals..<4 { amount *= 10 }
    rows += 1
    sum += amount
    let date = digits(commas.1, commas.2 - 9).value
    let hasCustomer = commas.4 - commas.3 > 1
    if hasCustomer, bytes[start] < 65, price.value > 0, date < day {
      invoices[digits(start - 1, start + 6).value, default: 0] += amount
    }
  }

  /// The digits between two places as one number, how many of them follow a point, and the number
  /// in front of the point.
  private func digits(
    _ before: Int, _ after: Int
  ) -> (value: Int, decimals: Int, beforePoint: Int) {
    var value = 0
    var whole: Int?
    var decimals = 0
    var sign = 1
    var index = before + 1
    while index < after {
      let byte = bytes[index]
      if byte == 45, index == before + 1 { sign = -1 }
      if byte == 46 { whole = value }
      if byte >= 48, byte <= 57 {
        value = value * 10 + Int(byte) - 48
        if whole != nil { decimals += 1 }
      }
      index += 1
    }
    return (sign * value, decimals, sign * (whole ?? value))
  }
}

@Suite("The online retail files of the repository")
struct OnlineRetailFilesTests {
  @Test("are accounted for to the ten-thousandth, against the published sums and another reading")
  func reconcile() async throws {
    let files = try await Repository.files.value
    async let firstReading = NaiveReading(files[0].bytes, before: 20_101_201)
    async let secondReading = NaiveReading(files[1].bytes)
    let load = try await Repository.load.value
    let (first, second) = await (firstReading, secondReading)

    let summary = load.summary
    #expect(summary.isReconciled)
    #expect(summary.files.map(\.read.rows) == [525_461, 541_909])
    #expect(summary.files.map(\.read.amount) == [95_394_846_340, 97_477_479_340])
    #expect(summary.files.map(\.read.rows) == [first.rows, second.rows])
    #expect(summary.files.map(\.read.amount) == [first.sum, second.sum])

    let totals = try Dictionary(
      uniqueKeysWithValues: zip(
        load.texts("billing.invoices", "number").map { Int($0) ?? -1 },
        load.amounts("billing.invoices", "total")))
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
