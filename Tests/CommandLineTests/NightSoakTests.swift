import AlmanacCore
import Foundation
import Postgres
import TestSupport
import Testing

/// Nights that are killed, run together, or lose their server: in the end there is what an
/// uninterrupted night writes.
///
/// `make soak` runs many over a business of 200 companies, the tests a few over a small one.
@Suite("Soak of nights", .database)
struct NightSoakTests {
  private static let environment = ProcessInfo.processInfo.environment

  private static func number(_ name: String, _ usual: Int) -> Int {
    environment["ALMANAC_SOAK_\(name)"].flatMap { Int($0) } ?? usual
  }

  @Test("kills, pairs of runs and restarts of the server end in the digest of an undisturbed night")
  func campaign() throws {
    let seed = Self.environment["ALMANAC_SOAK_SEED"].flatMap { UInt64($0) } ?? 1
    var soak = try NightSoak(
      seed: seed, companies: Self.number("COMPANIES", 12), months: Self.number("MONTHS", 2),
      program: Self.environment["ALMANAC_SOAK_PROGRAM"])
    let isWhole = Self.environment["ALMANAC_SOAK_KILLS"] != nil
    func tell(_ line: String) {
      if isWhole { print(line) }
    }
    tell("seed \(seed): \(soak.describedNights)")
    for number in 1...Self.number("KILLS", 10) {
      tell("kill \(number): \(try soak.kill(isFirst: number % 4 == 1))")
    }
    for number in 1...Self.number("PAIRS", 3) {
      let mode = ["fail", "skip", "wait"][number % 3]
      tell("pair \(number): \(try soak.pair(mode))")
    }
    for number in 1...Self.number("RESTARTS", 1) {
      tell("restart \(number): \(try soak.restart())")
    }
    tell("seed \(seed): \(soak.summary)")
    #expect(soak.findings == [], "seed \(seed)")
  }
}

/// The state of a soak of nights.
struct NightSoak {
  private var random: SplitMix64
  private let cluster: TestCluster
  private let place: Workplace
  private let program: URL
  private var number = 0
  private var counts: [String: Int] = [:]
  /// What was found wrong.
  private(set) var findings: [String] = []

  /// A night as it comes out undisturbed: from an empty target, or after the night before.
  private struct Night {
    var template: String
    var data: String?
    /// The digest of each table, and of all as the last line.
    var digest: [String]
    var seconds: Double
  }
  private var nights: [Night] = []

  private static let date = "2025-03-31"

  /// Makes the business, and the two nights that all others are compared with.
  init(seed: UInt64, companies: Int, months: Int, program: String?) throws {
    random = SplitMix64(seed: seed)
    self.program = try program.map { URL(filePath: $0) } ?? builtProgram()
    place = try Workplace(isFilled: false, isInitialised: false)
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: USD")
    cluster = try TestCluster()
    for name in ["source", "empty"] { try cluster.connect().run("CREATE DATABASE \(name)") }
    try must(["init", "--target", cluster.url(database: "empty")])
    let world = ["simulate", "--target", cluster.url(database: "source"), "--simulations", "0"]
    try must(
      world + ["--companies", "\(companies)", "--months", "\(months)", "--end", "2025-03-30"])
    let first = try target(from: "empty")
    try must(arguments(first, "2025-03-30"))
    try cluster.connect().run("ALTER DATABASE \(first.database) RENAME TO first")
    try must(world + ["--continue", "day"])
    for (template, data) in [("empty", nil), ("first", first.data)] {
      let target = try target(from: template, data: data)
      let start = ContinuousClock.now
      try must(arguments(target))
      let elapsed = (ContinuousClock.now - start).components
      nights.append(
        Night(
          template: template, data: data, digest: try digest(target),
          seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18))
      try drop(target)
    }
  }

  /// How long the nights take.
  var describedNights: String {
    "a first night takes \(String(format: "%.1f", nights[0].seconds)) s, "
      + "the next one \(String(format: "%.1f", nights[1].seconds)) s"
  }

  /// What happened, in one line.
  var summary: String {
    counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      + (findings.isEmpty ? "; every digest that of an undisturbed night" : "; \(findings)")
  }

  // MARK: What disturbs

  /// Kills a night at a random moment, once or twice, and lets the next one finish it.
  mutating func kill(isFirst: Bool) throws -> String {
    let night = nights[isFirst ? 0 : 1]
    let target = try target(from: night.template, data: night.data)
    var moments: [String] = []
    for _ in 0..<Int.random(in: 1...2, using: &random) {
      let program = try begin(target)
      let moment = Double.random(in: 0...night.seconds, using: &random)
      while program.isRunning, program.age < .seconds(moment) {
        Thread.sleep(forTimeInterval: 0.002)
      }
      program.kill()
      _ = try program.wait()
      moments.append(String(format: "%.2f s", moment))
      try awaitEndOfSessions(target)
    }
    count("kills", moments.count)
    try finish(night, target, "killed after \(moments.joined(separator: ", "))")
    return "\(isFirst ? "first" : "next") night, after \(moments.joined(separator: " and "))"
  }

  /// Starts two nights together: one works, the other does as it was told.
  mutating func pair(_ mode: String) throws -> String {
    let night = nights[1]
    let target = try target(from: night.template, data: night.data)
    let programs = [try begin(target, ["--if-running", mode])]
    Thread.sleep(forTimeInterval: Double.random(in: 0...0.1, using: &random))
    let outcomes = try (programs + [begin(target, ["--if-running", mode])]).map {
      try $0.wait(atMost: .seconds(600))
    }
    let statuses = outcomes.map(\.status).sorted()
    if statuses != (mode == "fail" ? [0, 75] : [0, 0]) {
      findings.append("--if-running \(mode): \(statuses): \(outcomes.map(\.stderr))")
    }
    let worked = outcomes.count { $0.stdout.contains("publish ") }
    if worked != 1 { findings.append("--if-running \(mode): \(worked) runs worked") }
    count("pairs")
    try finish(night, target, "two runs with --if-running \(mode)")
    return "\(mode), statuses \(statuses)"
  }

  /// Restarts the server as after a crash while a night is at work.
  mutating func restart() throws -> String {
    let night = nights[number % 2]
    let target = try target(from: night.template, data: night.data)
    let program = try begin(target)
    let moment = Double.random(in: 0...night.seconds, using: &random)
    while program.isRunning, program.age < .seconds(moment) {
      Thread.sleep(forTimeInterval: 0.002)
    }
    try cluster.restartImmediately()
    let outcome = try program.wait(atMost: .seconds(600))
    if ![0, 69, 75].contains(outcome.status) {
      findings.append("restart after \(moment) s: \(outcome.status): \(outcome.stderr)")
    }
    count("restarts")
    try finish(night, target, "restarted after \(moment) s")
    return String(format: "after %.2f s, status %d", moment, outcome.status)
  }

  /// Runs the night until it is done and compares the digest.
  private mutating func finish(
    _ night: Night, _ target: Target, _ what: String
  ) throws {
    let result = try almanac(arguments(target))
    if result.status != 0 {
      findings.append("\(what): the next run: \(result.status): \(result.stderr)")
    } else {
      let digest = try digest(target)
      if digest != night.digest {
        let other = digest.filter { !night.digest.contains($0) }
        findings.append("\(what), \(night.template): another digest: \(other)")
      }
      let verified = try almanac(["datasets", "verify", "--data", target.data])
      if verified.status != 0 { findings.append("\(what): \(verified.stderr)") }
    }
    try drop(target)
  }

  // MARK: Places

  /// A target and a data folder of their own.
  private struct Target {
    var database: String
    var data: String
    var url: String
  }

  private mutating func target(from template: String, data: String? = nil) throws -> Target {
    number += 1
    let name = "night\(number)"
    try cluster.connect().run("CREATE DATABASE \(name) TEMPLATE \(template)")
    let folder = place.folder.path + "/data-\(number)"
    if let data { try FileManager.default.copyItem(atPath: data, toPath: folder) }
    return Target(database: name, data: folder, url: cluster.url(database: name))
  }

  private func drop(_ target: Target) throws {
    try cluster.connect().run("DROP DATABASE \(target.database) WITH (FORCE)")
    try? FileManager.default.removeItem(atPath: target.data)
  }

  /// Waits until the server noticed that a killed run is gone.
  private func awaitEndOfSessions(_ target: Target) throws {
    let connection = try cluster.connect()
    try wait(for: "the end of a killed run's sessions") {
      try connection.query(
        """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname IN ('source', $1) AND application_name = 'almanac'
        """, [target.database])[0, 0] == "0"
    }
  }

  private mutating func count(_ what: String, _ number: Int = 1) {
    counts[what, default: 0] += number
  }

  // MARK: Programs

  private func arguments(_ target: Target, _ date: String = NightSoak.date) -> [String] {
    [
      "run", "nightly", "--date", date, "--source", cluster.url(database: "source"), "--target",
      target.url, "--data", target.data, "--jobs", "2",
    ]
  }

  private func begin(_ target: Target, _ more: [String] = []) throws -> BackgroundProgram {
    try BackgroundProgram(program, arguments(target) + more, in: place.folder.url)
  }

  private func almanac(_ arguments: [String]) throws -> ProcessOutcome {
    try runProcess(program, arguments, environment: [:], in: place.folder.url)
  }

  private func must(_ arguments: [String]) throws {
    let result = try almanac(arguments)
    try #require(result.status == 0, "\(arguments.prefix(2)): \(result.stderr)")
  }

  /// The lines of `almanac digest`, without the one that names the run.
  private func digest(_ target: Target) throws -> [String] {
    let result = try almanac(["digest", "--target", target.url])
    try #require(result.status == 0, "\(result.stderr)")
    return result.stdout.split(separator: "\n").map(String.init).filter { !$0.contains(" of run ") }
  }
}
