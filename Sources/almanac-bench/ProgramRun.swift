import FoundationEssentials

/// One run of the program, by a process of its own that has no other children.
struct ProgramRun: Codable {
  /// The word of a command line that asks for it; the program and its arguments follow.
  static let command = "run-program"

  /// From the start of the program to its end.
  let seconds: Double
  /// Seconds on processors, all threads together.
  let processorSeconds: Double
  /// The most memory it had resident, in bytes.
  let peakMemory: Int

  /// Runs a program; what it prints goes nowhere.
  ///
  /// - Throws: ``BenchmarkError/commandFailed(program:status:)``.
  static func measure(_ words: [String], _ options: BenchmarkOptions) throws -> ProgramRun {
    try options.runForJSON(["/proc/self/exe", command] + words, program: "almanac")
  }

  /// Runs a program and prints the measures as JSON.
  static func printResult(_ words: [String]) throws {
    let line = "exec " + words.map(Shell.quoted).joined(separator: " ") + " > /dev/null"
    let seconds = try timed { try Shell.run(line, program: words.first ?? "") }.seconds
    let usage = childrensUsage()
    let run = ProgramRun(
      seconds: seconds, processorSeconds: usage.seconds, peakMemory: usage.peakMemory)
    print(String(decoding: try JSONEncoder().encode(run), as: UTF8.self))
  }
}
