import AlmanacCommands
import AlmanacCore
import Testing

@Suite("Argument scanner")
struct ArgumentScannerTests {
  /// The message a scan is refused with; `nil` if it is not.
  private func refusal(
    _ arguments: [String], _ scan: (inout ArgumentScanner) throws(UsageError) -> Void
  ) -> String? {
    var scanner = ArgumentScanner(arguments)
    do throws(UsageError) {
      try scan(&scanner)
      try scanner.finish()
      return nil
    } catch {
      return error.description
    }
  }

  @Test("takes a value behind a space or an equals sign alike", arguments: [true, false])
  func values(isJoined: Bool) throws {
    var scanner = ArgumentScanner(isJoined ? ["a", "--to=x=y", "b"] : ["a", "--to", "x=y", "b"])
    #expect(try scanner.value("--to") == "x=y")
    #expect(try scanner.value("--to") == nil)
    #expect(scanner.operand() == "a")
    #expect(scanner.operand() == "b")
    #expect(scanner.operand() == nil)
    try scanner.finish()
  }

  @Test("takes everything behind -- as operands, options and further -- included")
  func separator() throws {
    var scanner = ArgumentScanner(["--force", "--", "--force", "--", "-x"])
    #expect(try scanner.flag("--force"))
    #expect(try !scanner.flag("--force"))
    #expect(scanner.operand() == "--force")
    #expect(scanner.operand() == "--")
    #expect(scanner.operand() == "-x")
    try scanner.finish()
  }

  @Test("takes a lone hyphen and a negative number as operands or values")
  func hyphens() throws {
    var scanner = ArgumentScanner(["-", "--shift", "-3", "-5"])
    #expect(try scanner.integer("--shift", in: -10...10) == -3)
    #expect(scanner.operand() == "-")
    #expect(scanner.operand() == "-5")
    try scanner.finish()
  }

  @Test("takes a short form of a flag, and counts both forms as one")
  func shortForm() throws {
    var scanner = ArgumentScanner(["-q"])
    #expect(try scanner.flag("--quiet", short: "-q"))
    let twice = refusal(["-q", "--quiet"]) { (scanner) throws(UsageError) in
      _ = try scanner.flag("--quiet", short: "-q")
    }
    #expect(twice == "--quiet is given twice")
  }

  @Test(
    "refuses values that are missing, repeated or empty",
    arguments: [
      (["--to"], "--to needs a value"),
      (["--to", "--from=x"], "--to needs a value"),
      (["--to", "--last", "--", "x"], "--to needs a value"),
      (["--to", "a", "--to=b"], "--to is given twice"),
      (["--to=a", "--to"], "--to is given twice"),
      (["--to="], "--to needs a value, found an empty one"),
      (["--to", ""], "--to needs a value, found an empty one"),
    ])
  func badValues(arguments: [String], message: String) {
    let found = refusal(arguments) { (scanner) throws(UsageError) in
      _ = try scanner.value("--to")
      _ = try scanner.value("--from")
    }
    #expect(found == message)
  }

  @Test("refuses a flag with a value or given twice")
  func badFlags() {
    for (arguments, message) in [
      (["--force=yes"], "--force takes no value, found \"--force=yes\""),
      (["--force", "--force"], "--force is given twice"),
    ] {
      let found = refusal(arguments) { (scanner) throws(UsageError) in
        _ = try scanner.flag("--force")
      }
      #expect(found == message)
    }
  }

  @Test(
    "refuses what is no whole number within the bounds",
    arguments: ["0", "-1", "257", "1.5", "1e3", "two", " 1", "99999999999999999999"])
  func badIntegers(text: String) {
    let found = refusal(["--jobs", text]) { (scanner) throws(UsageError) in
      _ = try scanner.integer("--jobs", in: 1...256)
    }
    #expect(found == "--jobs is a whole number from 1 to 256, found \"\(text)\"")
  }

  @Test("reads dates, and refuses days that do not exist")
  func dates() throws {
    var scanner = ArgumentScanner(["--date", "2024-02-29"])
    #expect(try scanner.date("--date") == CalendarDate(year: 2024, month: 2, day: 29))
    for text in ["2023-02-29", "yesterday", "2024-2-9", "20240209"] {
      let found = refusal(["--date", text]) { (scanner) throws(UsageError) in
        _ = try scanner.date("--date")
      }
      #expect(found == "--date is a date such as 2026-01-31, found \"\(text)\"")
    }
  }

  @Test("names what is left over, an option with the closest known one and without its value")
  func leftovers() {
    func scan(_ scanner: inout ArgumentScanner) throws(UsageError) {
      _ = try scanner.value("--target")
      _ = try scanner.flag("--force")
      _ = scanner.operand()
    }
    #expect(
      refusal(["a", "--taget=secret"], scan)
        == "unknown option --taget (did you mean \"--target\"?)")
    #expect(refusal(["a", "--zzz"], scan) == "unknown option --zzz")
    #expect(refusal(["a", "b"], scan) == "unexpected argument \"b\"")
    #expect(refusal(["a", "--", "-x", "-y"], scan) == "unexpected argument \"-x\"")
    #expect(refusal(["a", "--force"], scan) == nil)
  }

  @Test(
    "never repeats a connection string",
    arguments: [
      "postgresql://u:hush@host/db", "postgres://u:hush@host", "host=x password=hush",
      "host=x PASSWORD=hush",
    ])
  func secrets(text: String) {
    let messages = [
      refusal([text]) { _ throws(UsageError) in },
      refusal(["--jobs", text]) { (scanner) throws(UsageError) in
        _ = try scanner.integer("--jobs", in: 1...2)
      },
      refusal(["--date", text]) { (scanner) throws(UsageError) in
        _ = try scanner.date("--date")
      },
      refusal(["--force=\(text)"]) { (scanner) throws(UsageError) in
        _ = try scanner.flag("--force")
      },
    ]
    for message in messages {
      #expect(message?.contains("a connection string") == true)
      #expect(message?.contains("hush") == false)
    }
  }
}
