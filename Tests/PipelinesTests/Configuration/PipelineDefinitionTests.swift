import AlmanacCore
import Documents
import Pipelines
import Rollups
import Testing

@Suite("Pipeline definitions")
struct PipelineDefinitionTests {
  private func pipeline(_ text: String) throws -> PipelineDefinition {
    try PipelineDefinition(node: try Sample.node(text))
  }

  @Test("hold the stages in order with what each is told")
  func stages() throws {
    let definition = try pipeline(Sample.pipeline)
    #expect(definition.stages.map(\.kind) == [.extract, .rollup, .fit, .predict, .publish])
    #expect(definition.stages.map(\.mark.line) == [6, 7, 8, 9, 10])
    #expect(definition.stage(.extract)?.settings == .extract(nil))
    #expect(definition.stage(.rollup)?.settings == .rollup([.hour, .day]))
    #expect(definition.stage(.publish)?.parameter == nil)
    guard case .fit(let models) = definition.stage(.fit)?.settings else {
      Issue.record("fit has other settings")
      return
    }
    #expect(models.map(\.name) == ["revenue"])
    #expect(models.map(\.mark) == [Mark(file: "f.yaml", line: 8, column: 11)])
  }

  @Test("may extract some datasets only, and leave stages out")
  func parts() throws {
    let definition = try pipeline(
      "{pipeline: p, schedule: 0 * * * *, currency: EUR, "
        + "stages: [{extract: [events, invoices]}, {rollup: {grains: [hour]}}]}")
    guard case .extract(let names?) = definition.stage(.extract)?.settings else {
      Issue.record("extract has other settings")
      return
    }
    #expect(names.map(\.name) == ["events", "invoices"])
    #expect(definition.stage(.publish) == nil)
    #expect(definition.zone == "UTC")
  }

  @Test("name each stage's inputs before it in the order of all stages")
  func inputs() {
    let all = StageKind.allCases
    for (index, kind) in all.enumerated() {
      #expect(Set(kind.inputs).isSubset(of: all[..<index]))
    }
  }
}

@Suite("Schedules")
struct CronScheduleTests {
  /// The schedule of a text, read as a pipeline reads it.
  private func schedule(_ text: String) throws -> CronSchedule {
    try ValueReader<CronSchedule>.schedule.read(try Sample.node("\"\(text)\""))
  }

  @Test("read the fields of cron")
  func fields() throws {
    let nightly = try schedule("15 2 * * *")
    #expect(nightly.minutes == [15])
    #expect(nightly.hours == [2])
    #expect(nightly.days == Set(1...31))
    #expect(nightly.months == Set(1...12))
    #expect(nightly.weekdays == Set(0...6))
    #expect(!nightly.matchesEitherDay)
  }

  @Test(
    "read numbers, ranges, lists and steps of minutes",
    arguments: [
      ("*/20", [0, 20, 40]), ("5-8", [5, 6, 7, 8]), ("0-30/10", [0, 10, 20, 30]),
      ("1,2,59", [1, 2, 59]),
      ("50/5", [50, 55]), ("0-1,58-59", [0, 1, 58, 59]), ("00", [0]),
    ])
  func minutes(_ field: String, _ minutes: [Int]) throws {
    #expect(try schedule("\(field) * * * *").minutes == Set(minutes))
  }

  @Test(
    "read weekdays by number and name, Sunday twice",
    arguments: [
      ("0", [0]), ("7", [0]), ("mon-fri", [1, 2, 3, 4, 5]), ("SAT,Sun", [6, 0]),
      ("5-7", [5, 6, 0]),
      ("*/2", [0, 2, 4, 6]),
    ])
  func weekdays(_ field: String, _ weekdays: [Int]) throws {
    #expect(try schedule("0 0 * * \(field)").weekdays == Set(weekdays))
  }

  @Test("read months by name and say when day and weekday both restrict")
  func months() throws {
    #expect(try schedule("0 0 1 jan,jul-SEP *").months == [1, 7, 8, 9])
    #expect(try schedule("0 0 1 * mon").matchesEitherDay)
    #expect(try schedule("0 0 31 2 mon").days == [31])
    #expect(try schedule("0 0 29 2 *").days == [29])
  }

  @Test("keep one text for any spacing")
  func spacing() throws {
    #expect(try schedule("  15   2 * *  MON ").text == "15 2 * * mon")
  }

  @Test(
    "refuse what cron would",
    arguments: [
      "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
      "* * * 0 *",
      "* * * 13 *", "* * * * 8", "-1 * * * *", "5-1 * * * *", "*/0 * * * *", "1,,2 * * * *",
      "1/ * * * *", "/2 * * * *", "1-2-3 * * * *", "* * * foo *", "mon * * * *", "+1 * * * *",
      "1.5 * * * *", "@daily", "* * 30 feb *", "* * 31 4,6,9,11 *", "001 * * * *",
    ])
  func refused(_ text: String) throws {
    let error = #expect(throws: DocumentError.self) { try schedule(text) }
    #expect(error?.mark == Mark(file: "f.yaml", line: 1, column: 1))
  }
}
