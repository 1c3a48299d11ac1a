import AlmanacCore
import Files
import Pipelines
import Postgres
import Synchronization
import Testing

@testable import AlmanacCommands

@Suite("The program")
struct ProgramTests {
  private func run(
    _ arguments: [String], environment: [String: String] = [:]
  ) -> (status: AlmanacCore.ExitStatus, out: [String], error: [String]) {
    let transcript = Transcript()
    let program = Program(
      arguments: arguments, environment: environment,
      setting: CommandSetting(
        console: transcript.console, host: "host", processID: 1, processors: 2))
    return (program.run(), transcript.out, transcript.error)
  }

  @Test("shows its commands for --help, -h, help and no argument at all")
  func overview() throws {
    expectFits(Program.overview.split(separator: "\n").map { String($0) })
    try expectGolden(Program.overview, "overview")
    for arguments in [[], ["--help"], ["-h"], ["help"]] {
      let result = run(arguments)
      #expect(result.status == .ok)
      #expect(result.out == [Program.overview])
      #expect(result.error.isEmpty)
    }
  }

  @Test("shows the help of each command in three ways", arguments: Program.commands.indices)
  func help(index: Int) throws {
    let command = Program.commands[index]
    expectFits(command.help.split(separator: "\n").map { String($0) })
    try expectGolden(command.help, "help-\(command.name)")
    for arguments in [
      ["help", command.name], [command.name, "--help"], [command.name, "--no-such", "-h", "x"],
    ] {
      let result = run(arguments)
      #expect(result.status == .ok)
      #expect(result.out == [command.help])
    }
  }

  @Test("takes --help behind -- as an operand")
  func helpAsOperand() {
    let result = run(["load", "--", "--help"])
    #expect(result.status == .usage)
    #expect(result.out.isEmpty)
  }

  @Test("prints its version")
  func version() {
    #expect(run(["--version"]).out == ["almanac \(ProgramVersion.text)"])
  }

  @Test(
    "ends with 64 and one line for a command line it does not understand",
    arguments: [
      (["runn"], "there is no command \"runn\" (did you mean \"run\"?)"),
      (["--versoin"], "there is no option \"--versoin\" (did you mean \"--version\"?)"),
      (["help", "stat"], "there is no command \"stat\""),
      (["run"], "name the pipeline to run"),
      (["run", "nightly", "--jobs", "0"], "--jobs is a whole number from 1 to 256, found \"0\""),
      (["run", "nightly", "--jobs", "-4"], "from 1 to 256, found \"-4\""),
      (["run", "nightly", "--date", "today"], "--date is a date such as"),
      (["explain", "churn", "--as-of", "today"], "--as-of is a date such as 2026-01-31"),
      (["run", "nightly", "--data="], "--data needs a value, found an empty one"),
      (["run", "nightly", "extra"], "unexpected argument \"extra\""),
      (["run", "nightly", "--forse"], "unknown option --forse (did you mean \"--force\"?)"),
      (["status", "--last", "x"], "--last is a whole number"),
      (["load", "--target", "service=x"], "name the dataset to load"),
      (["load", "online-retial"], "did you mean \"online-retail\""),
      (["digest", "--run"], "--run needs a value"),
      (["init", "--print", "--print"], "--print is given twice"),
      (["check", "--format", "jsno"], "--format is table, csv or json"),
      (["check", "nightly", "--sorce", "x"], "unknown option --sorce (did you mean"),
      (["run", "nightly", "--log-format", "jsn"], "--log-format is text or json, found \"jsn\""),
      (["datasets", "verfiy"], "did you mean \"verify\""),
      (["datasets", "show"], "name the dataset to show"),
      (["datasets", "--format", "cvs"], "--format is table, csv or json, found \"cvs\""),
      (["datasets", "show", "x", "--limit", "0"], "--limit is a whole number"),
      (["datasets", "verify", "--date", "2026-01-01"], "--date means nothing to"),
      (["status", "a\nb"], "unexpected argument \"a b\""),
      (["a\r\nb"], "there is no command \"a b\""),
    ])
  func usage(arguments: [String], message: String) {
    let result = run(arguments)
    #expect(result.status == .usage)
    #expect(result.out.isEmpty)
    #expect(result.error.count == 1)
    #expect(result.error.first?.hasPrefix("almanac: ") == true)
    #expect(result.error.first?.contains(message) == true, "\(result.error)")
    #expect(result.error.allSatisfy(isOneLine))
  }

  @Test(
    "never prints a password, wherever in the command line it stands",
    arguments: [
      ["postgresql://u:hush@h/d"], ["run", "postgresql://u:hush@h/d"],
      ["run", "nightly", "postgresql://u:hush@h/d"], ["load", "postgresql://u:hush@h/d"],
      ["run", "nightly", "--source", "postgresql://u:hush@h/d"],
      ["run", "nightly", "--sorce", "postgresql://u:hush@h/d"],
      ["status", "--last", "host=h password=hush"], ["digest", "host=h password=hush"],
      ["run", "nightly", "--date", "postgresql://u:hush@h/d"], ["u:hush@h/d"],
      ["run", "nightly", "--only", "postgresql://u:hush@h/d"],
      ["run", "nightly", "--project", "host=h password=hush"],
      ["run", "nightly", "--force=postgresql://u:hush@h/d"], ["run", "u:hush@h/d"],
      ["run", "nightly", "--postgresql://u:hush@h/d"], ["digest", "--run", "u:hush@h/d"],
      ["run", "nightly", "--source", "dbname='postgresql://u:hush@/shop'"],
      ["run", "nightly", "--source", "postgresql://u@h:hush/shop"],
      ["check", "postgresql://u:hush@h/d"], ["check", "--source", "postgresql://u:hush@h/d"],
      ["datasets", "postgresql://u:hush@h/d"], ["datasets", "show", "postgresql://u:hush@h/d"],
    ])
  func passwords(arguments: [String]) {
    let result = run(arguments)
    #expect(result.status == .usage)
    #expect(!(result.out + result.error).joined().contains("hush"))
  }

  @Test(
    "prints the details of an error only with --verbose and only on a terminal",
    arguments: [(true, true), (true, false), (false, true), (false, false)])
  func details(isVerbose: Bool, isTerminal: Bool) {
    let lines = Mutex<[String]>([])
    let console = Console(
      out: { _ in }, error: { line in lines.withLock { $0.append(line) } },
      reportsToTerminal: isTerminal)
    let status = Program(
      arguments: [
        "run", "nightly", "--date", "2025-12-31", "--source",
        "host=/nonexistent user=a dbname=b",
      ] + (isVerbose ? ["--verbose"] : []), environment: [:],
      setting: CommandSetting(console: console, host: "host", processID: 1, processors: 2)
    ).run()
    #expect(status == .unavailable)
    let written = lines.withLock { $0 }
    let error = written.firstIndex { $0.hasPrefix("almanac: ") }
    let details = error.map { Array(written[($0 + 1)...]) } ?? []
    #expect(details.isEmpty == !(isVerbose && isTerminal), "\(written)")
    #expect(details.allSatisfy { $0.hasPrefix("  ") })
  }

  @Test("writes the migrations' SQL without a server")
  func printsSQL() {
    let roles = run(["init", "--roles", "--print"])
    #expect(roles.status == .ok)
    #expect(roles.out == [Role.script])
    let all = run(["init", "--print"])
    #expect(all.status == .ok)
    #expect(all.out.joined().contains("CREATE TABLE almanac.runs"))
  }

  @Test("takes the source for the target of init unless the target is named")
  func initTarget() {
    func roles(_ environment: [String: String]) -> String {
      run(["init", "--roles", "--print"], environment: environment).out.joined()
    }
    let source = ["ALMANAC_SOURCE": "postgresql://one_role@h/one"]
    let both = source.merging(["ALMANAC_TARGET": "postgresql://other_role@h/other"]) { $1 }
    #expect(roles(source).contains("one_role"))
    #expect(roles(both).contains("other_role"))
    #expect(!roles(both).contains("one_role"))
  }

  @Test("ends with 66 where the project's folders are missing")
  func missingProject() {
    let result = run(["run", "nightly", "--project", "/nonexistent\nfolder"])
    #expect(result.status == .missingInput)
    #expect(result.error.count == 1)
    #expect(result.error.first?.contains("--project") == true)
    #expect(result.error.allSatisfy(isOneLine))
  }

  @Test("marks warnings and drops lines below the threshold")
  func logLines() {
    let transcript = Transcript()
    let log = transcript.console.logSink(threshold: .info)
    log(.debug, "details")
    log(.info, "progress")
    log(.warning, "odd")
    #expect(transcript.error == ["progress", "warning: odd"])
    #expect(transcript.out.isEmpty)
  }
}

@Suite("Errors for users")
struct ErrorTextTests {
  private static let date = CalendarDate(daysSinceEpoch: 15_317)
  private static let pipelineErrors: [(error: PipelineError, status: Int32)] = [
    (.alreadyRunning(holder: "nightly"), 75), (.lockLost, 75),
    (.newerManifest(path: "var/data/manifest.json", version: 2), 78),
    (.foreignFolder(path: "."), 73), (.damagedPart(path: "events/x", reason: "it is gone"), 65),
    (.missingTable(dataset: "a", table: "b.c"), 66),
    (.missingColumn(dataset: "a", table: "b.c", column: "d", suggestion: ""), 66),
    (.wrongType(dataset: "a", table: "b.c", column: "d", found: "money", expected: "int"), 65),
    (
      .roleAsText(
        dataset: "a", column: "d", role: "key", found: "text", mend: "d: int = (e)::bigint"), 65
    ), (.emptySource(dataset: "a", table: "b.c"), 66),
    (.dateWithoutData(date: date, first: date, last: date), 66),
    (.dateNotOver(date: date, zone: "UTC"), 64),
    (.notExtracted(dataset: "a"), 66),
    (.unknownPipeline(name: "a", suggestion: "", known: ["b"]), 78),
    (.unknownStage(name: "a", pipeline: "b", suggestion: "", known: ["c"]), 64),
    (.unknownZone(name: "Mars"), 78),
    (.foreignCurrency(dataset: "a", currency: "EUR", reporting: "GBP"), 65),
    (.missingProject(path: "pipelines"), 66), (.nothingToPublish(run: "r"), 66),
    (.countMismatch(table: "t", expected: 2, found: 1), 65), (.noSuchRun(what: "nothing"), 66),
  ]

  @Test("end with the documented status", arguments: pipelineErrors.indices)
  func statuses(index: Int) {
    let (error, status) = Self.pipelineErrors[index]
    #expect(error.exitStatus.rawValue == status, "\(error)")
  }

  @Test(
    "are one line, with no full stop, and most say what to do", arguments: pipelineErrors.indices)
  func lines(index: Int) {
    let text = Self.pipelineErrors[index].error.description
    #expect(isOneLine(text))
    #expect(text.last != ".")
    #expect(text.contains("; ") || text.contains(": "), "\(text)")
  }

  @Test("say which table holds rows of somebody else")
  func loadError() {
    let error = LoadError.tableHoldsRows(table: "app.events", rows: 3)
    #expect(error.exitStatus == .cannotCreate)
    #expect(error.description.contains("app.events"))
  }

  @Test("of files and connections end with statuses of their own")
  func lowerLayers() {
    let errors: [(any ExitStatusConvertible, AlmanacCore.ExitStatus)] = [
      (FileError.locked(directory: "d"), .temporaryFailure),
      (PostgresError.invalidConnectionString, .usage),
      (PostgresError.connectionLost(during: "x", message: "a\nb"), .unavailable),
      (MigrationError.notInitialised, .configuration), (UsageError("x"), .usage),
    ]
    for (error, status) in errors {
      #expect(error.exitStatus == status)
      #expect(isOneLine(error.description))
    }
  }
}

@Suite("Time zones of the system")
struct SystemZoneTests {
  @Test("are found by name, UTC without a file")
  func known() {
    #expect(systemZone("UTC") == .utc)
    #expect(systemZone("Europe/London")?.name == "Europe/London")
  }

  @Test(
    "are not looked for outside their folder",
    arguments: ["", "/etc/passwd", "../../../etc/passwd", "Europe/Lodnon", "a b", "Europe", "."])
  func unknown(name: String) {
    #expect(systemZone(name) == nil)
  }
}
