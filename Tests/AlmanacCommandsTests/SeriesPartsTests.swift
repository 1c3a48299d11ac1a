import AlmanacCore
import Files
import Foundation
import Synchronization
import Testing

@testable import AlmanacCommands

@Suite("Parts of files of series")
struct SeriesPartsTests {
  /// What the lines of a random file may hold.
  private struct Contents: OptionSet {
    let rawValue: Int
    /// Fields in quotes.
    static let quotes = Contents(rawValue: 1)
    /// Labels of two kinds in one series.
    static let mixedLabels = Contents(rawValue: 2)
  }

  /// A file with series that go on in other places, wrong, empty and very long lines.
  private func text(_ random: inout SplitMix64, _ contents: Contents) -> String {
    func any(_ texts: [String]) -> String { texts[Int(random.next() % UInt64(texts.count))] }
    func below(_ bound: UInt64) -> UInt64 { random.next() % bound }
    let ending = any(["\n", "\r\n"])
    var text = any(["", "\u{FEFF}"]) + "unique_id,ds,y,note" + ending
    var id = "a"
    for number in 0..<(40 + Int(below(300))) {
      if below(6) == 0 { id = any(["a", "b", "ä", "a longer name", "", "12345678", "123456789"]) }
      // Names that begin with a letter have whole numbers, others dates.
      let isNumber = id.first?.isLetter ?? false
      let date = CalendarDate(daysSinceEpoch: Int32(19_000 + number))
      var ds = isNumber ? "\(number)" : "\(date)"
      var y = any(["\(random.nextUnit())", "-\(below(1_000)).5", "1e3", "", "123.12345678901234"])
      if below(40) == 0 { y = "many" }
      if below(60) == 0 { ds = "2024-02-30" }
      if contents.contains(.mixedLabels), below(20) == 0 { ds = any(["7", "2024-01-01"]) }
      let name = contents.contains(.quotes) && below(10) == 0 ? "\"\(id)\"" : id
      switch below(40) {
      case 0: text += ending
      case 1: text += "\(name),\(ds)" + ending
      case 2:
        text += "\(name),\(ds),\(y),\(String(repeating: "x", count: Int(below(5_000))))" + ending
      default: text += "\(name),\(ds),\(y)" + ending
      }
    }
    if below(2) == 0 { text += "last,17,5" }
    return text
  }

  private func expectEqual(_ found: [LongSeries], _ expected: [LongSeries], _ note: String) {
    #expect(found.map(\.id) == expected.map(\.id), "\(note)")
    #expect(found.map(\.problem) == expected.map(\.problem), "\(note)")
    for (one, other) in zip(found, expected) {
      let isEqual =
        one.labels == other.labels && one.kind == other.kind && one.style == other.style
        && one.values.map(\.bitPattern) == other.values.map(\.bitPattern)
      #expect(isEqual, "\(note): \(one.id)")
    }
  }

  /// A part as large as the file is read by the reader of lines in order, which is the oracle.
  @Test(
    "cut anywhere, a file is read as in order, and errors name the same lines",
    arguments: UInt64(0)..<40)
  func cuts(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let contents: Contents = seed % 4 == 0 ? .quotes : seed % 4 == 1 ? .mixedLabels : []
    let bytes = [UInt8](text(&random, contents).utf8)
    let expected = try LongFormFile(bytes, path: "x.csv", partSize: .max).series
    for _ in 0..<12 {
      let size = 1 + Int(random.next() % UInt64(random.next() % 2 == 0 ? 60 : bytes.count))
      let jobs = 1 + Int(random.next() % 4)
      let note = "seed \(seed), parts of \(size) bytes"
      let found = try LongFormFile(bytes, path: "x.csv", jobs: jobs, partSize: size).series
      expectEqual(found, expected, note)
      guard contents == [], size < bytes.count else { continue }
      let parts = SeriesParts(byteCount: bytes.count, partSize: size) { Array(bytes[$0]) }
      let taken = try #require(try parts.series(path: "x.csv", jobs: jobs), "\(note)")
      expectEqual(taken, expected, note)
    }
  }

  @Test("a file on the disk is read as its bytes are, before and after the size of a part")
  func files() throws {
    let path = FileManager.default.temporaryDirectory.path + "/parts-\(UUID().uuidString).csv"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var text = "unique_id,ds,y\n"
    for number in 0..<90_000 {
      text +=
        "series \(number / 700),\(number),\(number % 5_000 == 7 ? "x" : "\(number % 13).25")\n"
    }
    for size in [100_003, LongFormFile.usualPart + 17, text.utf8.count] {
      let bytes = [UInt8](text.utf8.prefix(size))
      try FileSystem.writeAtomically(bytes, to: path)
      let expected = try LongFormFile(bytes, path: path, partSize: .max).series
      #expect(expected.contains { $0.problem != nil })
      expectEqual(try LongFormFile(reading: path, jobs: 3).series, expected, "\(size) bytes")
    }
  }

  @Test("a file that is not there is named as one that cannot be opened")
  func missing() {
    let path = "/no/such/series.csv"
    #expect(throws: FileError.system(operation: .open, path: path, code: ENOENT)) {
      try LongFormFile(reading: path, jobs: 2)
    }
  }

  @Test("bytes that cannot be read, or fewer than there were, are no series")
  func unreadable() throws {
    let bytes = [UInt8](("unique_id,ds,y\n" + (0..<99).map { "a,\($0),1\n" }.joined()).utf8)
    for count in [0, bytes.count / 2] {
      let parts = SeriesParts(byteCount: bytes.count, partSize: 50) { range in
        range.upperBound <= bytes.count / 2
          ? Array(bytes[range]) : Array(bytes[range].prefix(count))
      }
      #expect(try parts.series(path: "x.csv", jobs: 2) == nil)
    }
    let failing = SeriesParts(byteCount: bytes.count, partSize: 50) { range in
      range.lowerBound < 100 ? Array(bytes[range]) : nil
    }
    #expect(try failing.series(path: "x.csv", jobs: 2) == nil)
  }

  @Test("each part is read once, also where something is wrong with a line")
  func once() throws {
    let lines = (0..<400).map { "series \($0 / 40),\($0),\($0 % 90 == 80 ? "x" : "1")\n" }
    let bytes = [UInt8](("unique_id,ds,y\n" + lines.joined()).utf8)
    let reads = Mutex(0)
    let parts = SeriesParts(byteCount: bytes.count, partSize: 1_000) { range in
      reads.withLock { $0 += 1 }
      return Array(bytes[range])
    }
    let found = try #require(try parts.series(path: "x.csv", jobs: 2))
    expectEqual(found, try LongFormFile(bytes, path: "x.csv", partSize: .max).series, "once")
    #expect(found.compactMap { $0.problem?.line } == [82, 172, 262, 352])
    // The first line, and each part.
    #expect(reads.withLock(\.self) == 1 + (bytes.count - 15 + 999) / 1_000)
  }

  @Test("parts within one long line read no further than themselves")
  func longLine() throws {
    let size = 500_000
    let text = "unique_id,ds,y\na,1,2\nb," + String(repeating: "x", count: size) + "\na,2,3\n"
    let bytes = [UInt8](text.utf8)
    let total = Mutex(0)
    let parts = SeriesParts(byteCount: bytes.count, partSize: 1_000) { range in
      total.withLock { $0 += range.count }
      return Array(bytes[range])
    }
    let found = try #require(try parts.series(path: "x.csv", jobs: 2))
    expectEqual(found, try LongFormFile(bytes, path: "x.csv", partSize: .max).series, "long")
    // Each part with its margin, and the part in which the line begins to its end.
    #expect(total.withLock(\.self) < 5 * size)
  }

  @Test(
    "eight digits are read as their number, and anything else as none", arguments: UInt64(0)..<8)
  func eightDigits(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<500 {
      var text = (0..<8).map { _ in UInt8(48 + random.next() % 10) }
      let written = String(decoding: text, as: UTF8.self)
      let number = try #require(UInt64(written))
      #expect(EightDigits.number(([9] + text).eight(at: 1)) == number, "seed \(seed)")
      let other = UInt8(truncatingIfNeeded: random.next())
      text[Int(random.next() % 8)] = other
      let isDigit = (48...57).contains(other)
      #expect((EightDigits.number(text.eight(at: 0)) != nil) == isDigit, "seed \(seed): \(other)")
    }
  }
}

@Suite("Files in order")
struct OrderedFileTests {
  private let path = FileManager.default.temporaryDirectory.path + "/ordered-\(UUID().uuidString)"

  @Test("parts made by several threads stand in order", arguments: UInt64(0)..<6)
  func order(seed: UInt64) throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    var random = SplitMix64(seed: seed)
    let parts = (0..<Int(random.next() % 300)).map { part in
      [UInt8](repeating: UInt8(truncatingIfNeeded: part), count: Int(random.next() % 3_000))
    }
    try OrderedFile.write(path, partCount: parts.count, jobs: 1 + Int(seed)) { parts[$0] }
    #expect(try FileSystem.read(path) == Array(parts.joined()), "seed \(seed)")
  }

  @Test("a part that cannot be written leaves what was there, and no other file")
  func failure() throws {
    let directory = path + ".d"
    try FileSystem.createDirectories(directory)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let target = directory + "/out.csv"
    try FileSystem.writeAtomically([1, 2, 3], to: target)
    for after in [0, 5] {
      let faults = FileFaults([.init(.write, code: ENOSPC, after: after)])
      #expect(throws: FileError.self) {
        try FileFaults.$current.withValue(faults) {
          try OrderedFile.write(target, partCount: 40, jobs: 3) { [UInt8(truncatingIfNeeded: $0)] }
        }
      }
      #expect(try FileSystem.read(target) == [1, 2, 3])
      #expect(try FileSystem.list(directory) == ["out.csv"])
    }
  }
}
