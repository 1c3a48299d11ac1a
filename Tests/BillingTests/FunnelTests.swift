import AlmanacCore
import Billing
import Testing

@Suite("Funnels")
struct FunnelTests {
  static let hour = Timestamp.microsecondsPerHour
  static let day = Timestamp.microsecondsPerDay

  /// Trial, active, second module: 7 days to each step, 10 in all.
  private func funnel() throws -> FunnelDefinition {
    try FunnelDefinition(
      name: "trial",
      steps: [
        FunnelDefinition.Step("trial"),
        FunnelDefinition.Step("active", window: 7 * FunnelTests.day),
        FunnelDefinition.Step("module", window: 7 * FunnelTests.day),
      ], window: 10 * FunnelTests.day)
  }

  /// Events of one subject written as `0@01-02 1@01-05 x@01-06`.
  private func events(_ subject: Int, _ text: String, company: Int = 1) throws -> [FunnelEvent] {
    try text.split(separator: " ").map { part in
      let pieces = part.split(separator: "@").map(String.init)
      let isExclusion = pieces[0] == "x"
      return FunnelEvent(
        subject: id(subject), company: id(company),
        at: try History.instant(pieces[1].replacing("T", with: " ")),
        steps: isExclusion ? 0 : 1 << (UInt64(pieces[0]) ?? 63), isExclusion: isExclusion)
    }
  }

  private func passage(_ text: String, end: String = "12-31") throws -> FunnelPassage? {
    try funnel().passages(of: try events(1, text), end: try History.instant(end)).first
  }

  @Test(
    "an entrant comes as far as the windows, the order and exclusions allow",
    arguments: [
      ("0@01-01 1@01-03 2@01-05", "0 2 4"), ("1@01-01 0@01-02", "0"), ("1@01-03", "none"),
      // The step's window is half-open, and so is the funnel's.
      ("0@01-01 1@01-08", "0"), ("0@01-01 1@01-07 2@01-10", "0 6 9"),
      ("0@01-01 1@01-07 2@01-11", "0 6"),
      // What comes out of order does not count, nor does the same instant.
      ("0@01-01 2@01-02 1@01-03", "0 2"), ("0@01-01 1@01-01 2@01-02", "0"),
      ("0@01-01 1@01-02 2@01-02 2@01-04", "0 1 3"),
      // An exclusion between two steps ends the way, one beside or after it does not.
      ("0@01-01 x@01-02 1@01-03 2@01-04", "0"), ("0@01-01 1@01-03 x@01-04 2@01-05", "0 2"),
      ("x@01-01 0@01-01 1@01-03", "0 2"), ("0@01-01 1@01-03 x@01-03 2@01-04", "0 2 3"),
      ("0@01-01 1@01-03 2@01-05 x@01-06", "0 2 4"), ("0@01-01 x@01-09 1@01-10", "0"),
      // The first entry counts, and the earliest step after it.
      ("0@01-01 0@01-05 1@01-10", "0"), ("0@01-01 1@01-02 1@01-05 2@01-10", "0 1"),
    ])
  func passages(text: String, expected: String) throws {
    let passage = try passage(text)
    let days = passage?.reached.map { String($0 / FunnelTests.day) }.joined(separator: " ")
    #expect(days ?? "none" == expected)
    #expect(passage?.rest ?? .never == .never)
  }

  @Test("an entrant whose window is open at the end of time is censored there, unless excluded")
  func censoring() throws {
    #expect(try passage("0@01-01", end: "01-05")?.rest == .open(after: 4 * FunnelTests.day))
    #expect(try passage("0@01-01", end: "01-08")?.rest == .never)
    #expect(try passage("0@01-01 x@01-03", end: "01-05")?.rest == .never)
    #expect(try passage("0@01-01 1@01-07", end: "01-10")?.rest == .open(after: 9 * FunnelTests.day))
    #expect(try passage("0@01-01 1@01-07", end: "01-11")?.rest == .never)
    #expect(try passage("0@01-01 1@01-05", end: "01-05")?.reached == [0])
    #expect(try passage("0@01-05", end: "01-05") == nil)
  }

  @Test("without a window everything stays open")
  func withoutWindow() throws {
    let funnel = try FunnelDefinition(
      name: "f", steps: [FunnelDefinition.Step("a"), FunnelDefinition.Step("b")])
    let passages = funnel.passages(
      of: try events(1, "0@01-01") + events(2, "0@01-01 1@09-01"),
      end: try History.instant("12-01"))
    #expect(passages[0].rest == .open(after: 334 * FunnelTests.day))
    #expect(passages[1].reached == [0, 243 * FunnelTests.day])
  }

  @Test("rows count entrants by company and local date, and estimate what is open")
  func rows() throws {
    let funnel = try funnel()
    let all =
      try events(1, "0@01-01 1@01-02", company: 1)
      + events(2, "0@01-01 1@01-04 2@01-05", company: 1) + events(3, "0@01-01", company: 2)
      + events(4, "0@01-01 x@01-02", company: 2) + events(5, "0@01-02T11:00", company: 2)
    let passages = funnel.passages(of: all, end: try History.instant("01-06"))
    let zones = CompanyZones(.utc, own: [id(2): try zone("Pacific/Kiritimati")])
    let lines = funnel.rows(passages, zones: zones).map { row in
      "\(row.company.low) \(row.cohortDate.day) \(row.step): \(row.converted)/\(row.entrants)"
        + " \(row.censored) \(row.medianMicroseconds.map { "\($0 / FunnelTests.hour)h" } ?? "-")"
        + " \(row.conversionRate)"
    }
    #expect(
      lines == [
        "0 1 0: 4/4 0 0h 1.0", "0 1 1: 2/4 1 48h 0.5", "0 1 2: 1/4 2 96h 0.25",
        "0 3 0: 1/1 0 0h 1.0", "0 3 1: 0/1 1 - 0.0", "0 3 2: 0/1 1 - 0.0",
        "1 1 0: 2/2 0 0h 1.0", "1 1 1: 2/2 0 48h 1.0", "1 1 2: 1/2 1 96h 0.5",
        "2 1 0: 2/2 0 0h 1.0", "2 1 1: 0/2 1 - 0.0", "2 1 2: 0/2 1 - 0.0",
        "2 3 0: 1/1 0 0h 1.0", "2 3 1: 0/1 1 - 0.0", "2 3 2: 0/1 1 - 0.0",
      ])
  }

  @Test("the product-limit estimate is that of the textbook")
  func textbook() throws {
    // Kaplan & Meier (1958), section 2: deaths at 0.8, 3.1, 5.4, 9.2, losses at 1.0, 2.7, 7.0, 12.1;
    // survival after 9.2 is (7/8)(4/5)(3/4)(1/2).
    let estimate = ProductLimit.conversion(
      converted: [92, 8, 54, 31], censored: [70, 10, 121, 27], never: 0)
    #expect(abs((estimate ?? 0) - (1 - 7.0 / 8 * 4 / 5 * 3 / 4 / 2)) < 1e-15)
    #expect(ProductLimit.conversion(converted: [], censored: [], never: 0) == nil)
    #expect(ProductLimit.conversion(converted: [], censored: [1], never: 0) == 0)
    #expect(ProductLimit.conversion(converted: [1], censored: [], never: 0) == 1)
  }

  @Test("the product-limit estimate is a product over times", arguments: UInt64(0)..<100)
  func productOverTimes(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    func times(_ random: inout SplitMix64) -> [Int64] {
      (0..<Int.random(in: 0...12, using: &random)).map { _ in Int64(random.next() % 9) }
    }
    let (converted, censored) = (times(&random), times(&random))
    let never = Int(random.next() % 4)
    var survival = 1.0
    for time in 0..<Int64(9) {
      let atRisk = converted.count { $0 >= time } + censored.count { $0 >= time } + never
      let events = converted.count { $0 == time }
      if events > 0 { survival *= 1 - Double(events) / Double(atRisk) }
    }
    let estimate = ProductLimit.conversion(converted: converted, censored: censored, never: never)
    #expect((estimate == nil) == (converted.isEmpty && censored.isEmpty && never == 0))
    if let estimate { #expect(abs(estimate - (1 - survival)) < 1e-12) }
    if censored.isEmpty, let estimate {
      #expect(
        abs(estimate - Double(converted.count) / Double(converted.count + never)) < 1e-15)
    }
    // What is not known yet cannot be less than what is known.
    let all = converted.count + censored.count + never
    if let estimate { #expect(estimate >= Double(converted.count) / Double(all) - 1e-12) }
  }

  @Test("agrees with a search through all events, in any order", arguments: UInt64(0)..<200)
  func agreesWithSearch(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let start = try History.instant("01-01")
    func at(_ hours: Int) -> Timestamp {
      Timestamp(microseconds: start.microseconds + Int64(hours) * FunnelTests.hour)
    }
    let windows: [Int?] = [nil, 3, 10, 30]
    let steps = (0..<Int.random(in: 2...4, using: &random)).map { step in
      FunnelDefinition.Step(
        "s\(step)",
        window: step == 0 ? nil : random.pick(windows).map { Int64($0) * FunnelTests.hour })
    }
    let funnel = try FunnelDefinition(
      name: "f", steps: steps, window: random.pick(windows).map { Int64($0) * FunnelTests.hour })
    let end = at(Int.random(in: 5...40, using: &random))
    var events: [FunnelEvent] = (0..<60).map { _ in
      let subject = Int.random(in: 1...8, using: &random)
      return FunnelEvent(
        subject: id(subject), company: id(subject % 3),
        at: at(Int.random(in: 0...35, using: &random)),
        steps: random.pick([0, 1, 2, 3, 4, 6, 8, 12]), isExclusion: random.next() % 8 == 0)
    }
    let found = funnel.passages(of: events, end: end)
    for subject in 1...8 {
      let own = events.filter { $0.subject == id(subject) && $0.at < end }
      let expected = FunnelTests.slowPassage(funnel, own, end: end)
      let passage = found.first { $0.subject == id(subject) }
      #expect(passage?.reached == expected?.reached)
      #expect(passage?.rest == expected?.rest)
    }
    events.shuffle(using: &random)
    #expect(funnel.passages(of: events, end: end) == found)
    let split =
      funnel.passages(of: events.filter { $0.subject.low <= 4 }, end: end)
      + funnel.passages(of: events.filter { $0.subject.low > 4 }, end: end)
    #expect(split == found)
  }

  /// One subject's passage by asking for each step which instants would do.
  private static func slowPassage(
    _ funnel: FunnelDefinition, _ events: [FunnelEvent], end: Timestamp
  ) -> (reached: [Int64], rest: FunnelPassage.Rest)? {
    func instants(_ step: Int) -> [Int64] {
      events.filter { $0.steps & (1 << UInt64(step)) != 0 }.map(\.at.microseconds)
    }
    guard let entry = instants(0).min() else { return nil }
    var reached: [Int64] = [entry]
    var rest = FunnelPassage.Rest.never
    for step in 1..<funnel.steps.count {
      let previous = reached[step - 1]
      let limit = min(
        funnel.steps[step].window.map { previous + $0 } ?? .max,
        funnel.window.map { entry + $0 } ?? .max)
      let exclusions = events.filter {
        $0.isExclusion && $0.at.microseconds > previous && $0.at.microseconds < limit
      }.map(\.at.microseconds)
      let candidate = instants(step).filter { $0 > previous && $0 < limit }.min()
      if let candidate, !exclusions.contains(where: { $0 < candidate }) {
        reached.append(candidate)
        continue
      }
      if exclusions.isEmpty, limit > end.microseconds {
        rest = .open(after: end.microseconds - entry)
      }
      break
    }
    return (reached.map { $0 - entry }, rest)
  }

  @Test(
    "with every entry a way begins again once the one before is over, and not before",
    arguments: [
      // A second failure on the way is none; one after the last step is.
      ("0@01-01 0@01-02 1@01-03 2@01-05 0@01-05 0@01-06", "01-01: 0 2 4, 01-06: 0"),
      // The window of the step closes at its end, which is an occasion already.
      ("0@01-01 0@01-07T23:00 0@01-08", "01-01: 0, 01-08: 0"),
      ("0@01-01 1@01-02 0@01-05 0@01-09 1@01-10", "01-01: 0 1, 01-09: 0 1"),
      // What ended the way is no entry of the same instant.
      ("0@01-01 x@01-03 0@01-03 0@01-04 1@01-05", "01-01: 0, 01-04: 0 1"),
      ("0@12-29 0@12-30", "12-29: 0"),
    ])
  func entries(text: String, expected: String) throws {
    let once = try funnel()
    let often = try FunnelDefinition(
      name: "trial", steps: once.steps, window: once.window, isEnteredAgain: true)
    let events = try events(1, text)
    let end = try History.instant("12-31")
    let passages = often.passages(of: events, end: end)
    let lines = passages.map { passage in
      passage.enteredAt.dateUTC.description.suffix(5) + ": "
        + passage.reached.map { String($0 / FunnelTests.day) }.joined(separator: " ")
    }
    #expect(lines.joined(separator: ", ") == expected)
    #expect(once.passages(of: events, end: end) == Array(passages.prefix(1)))
    #expect(often.passages(of: events.reversed(), end: end) == passages)
  }

  @Test("a funnel needs two steps, no window of the entry and windows that last")
  func refusals() throws {
    let step = FunnelDefinition.Step("a")
    for (steps, window) in [
      ([step], nil), ([], nil), ([FunnelDefinition.Step("a", window: 5), step], nil),
      ([step, FunnelDefinition.Step("b", window: 0)], nil), ([step, step], -1),
      (Array(repeating: step, count: 65), nil),
    ] as [([FunnelDefinition.Step], Int64?)] {
      #expect(throws: BillingError.self) {
        try FunnelDefinition(name: "f", steps: steps, window: window)
      }
    }
  }
}
