import AlmanacCore
import Codecs
import Testing

@testable import Pipelines

@Suite("Manifests")
struct ManifestTests {
  @Test("decode to what was encoded")
  func roundTrip() throws {
    let manifest = StateSample.manifest()
    #expect(Manifest.decode(try manifest.encoded()) == manifest)
    #expect(Manifest.version(of: try manifest.encoded()) == Manifest.plainVersion)
  }

  @Test("have the same bytes whatever the order in which datasets were added")
  func canonical() throws {
    let manifest = StateSample.manifest()
    var other = Manifest(directoryID: manifest.directoryID)
    for name in manifest.datasets.keys.sorted(by: >) {
      other.datasets[name] = manifest.datasets[name]
    }
    #expect(try other.encoded() == manifest.encoded())
    #expect(try other.digest() == manifest.digest())
    #expect(try SHA256.hexadecimalDigest(of: manifest.encoded()) == manifest.digest())
  }

  @Test("are text with plain slashes and a newline at the end")
  func readable() throws {
    let text = String(decoding: try StateSample.manifest().encoded(), as: UTF8.self)
    #expect(text.hasSuffix("}\n"))
    #expect(text.contains("\"events/part-a.parquet\""))
  }

  @Test("have another digest after any change")
  func digest() throws {
    let manifest = StateSample.manifest()
    var others: [Manifest] = []
    func change(_ change: (inout Manifest) -> Void) {
      var other = manifest
      change(&other)
      others.append(other)
    }
    change { $0.version += 1 }
    change { $0.directoryID = "x" }
    change { $0.datasets["companies"] = nil }
    change { $0.datasets["events"]?.definitionDigest = "x" }
    change { $0.datasets["events"]?.watermark.snapshot = "x" }
    change { $0.datasets["events"]?.watermark.tableOID = nil }
    change { $0.datasets["events"]?.parts[0].date = nil }
    change { $0.datasets["events"]?.parts[1].rows += 1 }
    change { $0.datasets["events"]?.parts[1].sha256 = "x" }
    change { $0.datasets["events"]?.parts.swapAt(0, 1) }
    let digests = try [manifest.digest()] + others.map { try $0.digest() }
    #expect(Set(digests).count == others.count + 1)
    // One that was read says the digest of its file until it is changed, and that of its content then.
    let read = try #require(Manifest.decode(try manifest.encoded()))
    #expect(try read.digest() == manifest.digest())
    for change in [
      { $0.datasets["events"]?.parts[1].rows += 1 }, { $0.maintainedFrom = "x" },
      { $0.loads = [:] }, { $0.apart = [:] }, { $0.forgotten = [] }, { $0.standIns = [] },
      { $0.version += 1 }, { $0.directoryID = "x" },
    ] as [(inout Manifest) -> Void] {
      var (other, same) = (read, manifest)
      change(&other)
      change(&same)
      #expect(try other.digest() == SHA256.hexadecimalDigest(of: same.encoded()))
      #expect(other == same)
    }
  }

  @Test(
    "are not made of junk",
    arguments: [
      "", " ", "null", "[]", "{}", "{\"version\":1}", "{\"version\":\"1\"}", "\u{FEFF}",
      "{\"version\":1,\"directoryID\":7,\"datasets\":{}}",
      "{\"version\":1,\"directoryID\":\"x\",\"datasets\":[]}",
    ])
  func junk(text: String) {
    #expect(Manifest.decode(Array(text.utf8)) == nil)
  }

  @Test("are not made of a damaged one", arguments: UInt64(0)..<64)
  func damaged(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let whole = try StateSample.manifest().encoded()
    // Without its last brace it is no JSON, however little is missing.
    let length = Int.random(in: 0..<(whole.count - 2), using: &random)
    #expect(Manifest.decode(Array(whole.prefix(length))) == nil)
    #expect(Manifest.decode(whole.map { _ in UInt8.random(in: 0...255, using: &random) }) == nil)
  }

  @Test("tell their version whatever else they hold")
  func versions() {
    #expect(Manifest.version(of: Array("{\"version\": 9, \"parts\": [1]}".utf8)) == 9)
    #expect(Manifest.version(of: Array("{\"versions\": 9}".utf8)) == nil)
    #expect(Manifest.version(of: [0xFF]) == nil)
    let nested = #"{"a" : {"version" : 1}, "b" : "\"version\" : 2", "version" : 12 }"#
    #expect(Manifest.version(of: Array(nested.utf8)) == 12)
    #expect(Manifest.version(of: Array(#"{"version" : "3"}"#.utf8)) == nil)
    #expect(Manifest.version(of: Array(#"{"a" : "version"#.utf8)) == nil)
  }

  @Test("count rows and bytes of all parts")
  func totals() {
    let events = StateSample.manifest().datasets["events"]
    #expect(events?.rows == 10)
    #expect(events?.bytes == 100)
  }
}

@Suite("Days of a dataset")
struct DatasetDaysTests {
  private let first = CalendarDate("2026-01-01") ?? CalendarDate(daysSinceEpoch: 0)
  private var second: CalendarDate { first.adding(days: 1) }

  private func days(_ change: (inout Manifest.Dataset) -> Void = { _ in }) throws -> DatasetDays {
    var manifest = StateSample.manifest()
    var events = try #require(manifest.datasets["events"])
    change(&events)
    manifest.datasets["events"] = events
    return manifest.days(of: "events")
  }

  @Test("have equal digests for the same rows elsewhere and at another time")
  func sameRows() throws {
    let moved = try days { events in
      events.watermark = Watermark(
        snapshot: "99:99:", takenAt: "2027-01-01T00:00:00Z", systemIdentifier: "8",
        databaseOID: "6", tableOID: "9")
      for index in events.parts.indices {
        events.parts[index].path = "elsewhere/\(index)"
        events.parts[index].bytes += 1
      }
    }
    #expect(try moved.digest(first...second) == days().digest(first...second))
  }

  @Test("have other digests after a change of rows or of the definition")
  func changedRows() throws {
    let changes: [(inout Manifest.Dataset) -> Void] = [
      { $0.parts[0].sha256 = "x" }, { $0.parts[0].rows = 9 },
      { $0.parts[0].date = "2026-01-02" }, { $0.parts.removeFirst() },
      { $0.parts.append(StateSample.part("events", date: "2026-01-01", rows: 1, digest: "e")) },
      { $0.definitionDigest = "x" },
    ]
    let digests = try changes.map { try days($0).digest(first...second) }
    #expect(Set(digests + [try days().digest(first...second)]).count == changes.count + 1)
  }

  @Test("are blind to what other days hold")
  func otherDays() throws {
    let changed = try days { $0.parts[0].sha256 = "x" }
    #expect(try changed.digest(second...second) == days().digest(second...second))
    #expect(try changed.digest(first...first) != days().digest(first...first))
    // An empty day tells the same of every dataset with the same definition.
    let later = second.adding(days: 1)
    #expect(try changed.digest(later...later) == days().digest(later...later))
  }

  @Test("reach from the first to the last dated part and count rows by day")
  func range() throws {
    let days = try days()
    #expect(days.range() == first...second)
    #expect(days.range(through: first) == first...first)
    #expect(days.range(through: first.adding(days: -1)) == first...second)
    #expect(days.rowCount(first...first) == 2)
    #expect(days.rowCount(second...second) == 8)
    #expect(days.rowCount(first.adding(days: -9)...second.adding(days: 9)) == 10)
  }

  @Test("have no range without a dated part")
  func undated() {
    let manifest = StateSample.manifest()
    for name in ["companies", "unknown"] {
      let days = manifest.days(of: name)
      #expect(days.range() == nil)
      #expect(days.rowCount(first...second) == 0)
    }
    #expect(
      manifest.days(of: "companies").digest(first...first)
        != manifest.days(of: "unknown").digest(first...first))
  }
}
