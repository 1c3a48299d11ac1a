import AlmanacCore
import Pipelines
import Postgres

/// The options that say what a run or a plan is about.
struct RunOptions {
  /// What is asked for; the number of threads is that of the machine unless given.
  private let pipeline: String
  private let date: CalendarDate?
  private let source: ConnectionSettings
  /// The database that is written.
  let target: ConnectionSettings
  /// The folder of snapshots.
  let dataPath: String
  private let projectPath: String
  private let jobs: Int?
  private let memory: Int?
  private let selection: StageSelection
  private let redo: Redo
  private let environment: [String: String]
  private let words: [String]

  /// Takes the options and the pipeline's name.
  ///
  /// - Parameters:
  ///   - scanner: the command line.
  ///   - command: the command's name, for its errors.
  ///   - environment: the environment by name.
  /// - Throws: ``UsageError``.
  init(
    _ scanner: inout ArgumentScanner, of command: String, environment: [String: String]
  ) throws {
    self.environment = environment
    words = scanner.words
    date = try scanner.date("--date")
    (source, target) = try ConnectionOptions(environment: environment).sourceAndTarget(&scanner)
    dataPath = try scanner.value("--data") ?? "var/data"
    projectPath = try scanner.value("--project") ?? "."
    jobs = try scanner.integer("--jobs", in: 1...256)
    memory = try RunOptions.memory(&scanner)
    func terms(_ option: String) throws -> [String]? {
      try scanner.value(option)?.split(separator: ",", omittingEmptySubsequences: false)
        .map(String.init)
    }
    selection = StageSelection(only: try terms("--only"), skip: try terms("--skip") ?? [])
    redo = try RunOptions.redo(&scanner)
    guard let pipeline = try scanner.pipeline(before: "--source or --target") else {
      throw UsageError("name the pipeline to \(command), such as `almanac \(command) nightly`")
    }
    self.pipeline = pipeline
  }

  /// The bytes of `--memory`, `nil` where it is not given.
  private static func memory(_ scanner: inout ArgumentScanner) throws(UsageError) -> Int? {
    guard let text = try scanner.value("--memory") else { return nil }
    for (unit, bytes) in [("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40)]
    where text.hasSuffix(unit) {
      let digits = text.dropLast(unit.count)
      guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }),
        let count = Int(digits), (1...(1 << 50) / bytes).contains(count)
      else { break }
      return count * bytes
    }
    throw UsageError("--memory takes a size such as 512MB or 8GB, found \(shown(text))")
  }

  /// What is to be done again: everything with `--force`, some days with `--from` and `--to`, of these
  /// the days of some companies with `--company`.
  private static func redo(_ scanner: inout ArgumentScanner) throws -> Redo {
    let isForced = try scanner.flag("--force")
    let (from, to) = (try scanner.date("--from"), try scanner.date("--to"))
    let companies = try companies(&scanner)
    switch (from, to) {
    case (nil, nil):
      guard companies.isEmpty else {
        throw UsageError("--company needs --from and --to, the days to look for it on")
      }
      return isForced ? .everything : .nothing
    case (let from?, let to?):
      if isForced {
        throw UsageError("--force does every day again; leave it out, or --from and --to")
      }
      guard from <= to else { throw UsageError("--from \(from) is after --to \(to)") }
      return .days(from...to, companies: companies)
    case (nil, _): throw UsageError("--to needs --from, the first day to do again")
    case (_, nil): throw UsageError("--from needs --to, the last day to do again")
    }
  }

  /// The companies of `--company`, in order and each once.
  private static func companies(_ scanner: inout ArgumentScanner) throws -> [UUIDValue] {
    guard let text = try scanner.value("--company") else { return [] }
    let companies = try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let company = UUIDValue(String(word)) else {
        throw UsageError("--company takes uuids separated by commas, found \(shown(String(word)))")
      }
      return company
    }
    return Set(companies).sorted { $0.description < $1.description }
  }

  /// A runner for these options.
  ///
  /// - Throws: what reading the definitions throws.
  func runner(
    in setting: CommandSetting, log: LogSink = .silent, progress: ProgressSink = .silent,
    follow: @escaping @Sendable (RunPosition) -> Void = { _ in }
  ) throws -> PipelineRunner {
    var request = RunRequest(
      pipeline: pipeline, date: date, source: source, target: target, dataPath: dataPath,
      jobs: jobs ?? setting.processors,
      memory: memory ?? MachineMemory.total.map { $0 / 4 * 3 } ?? .max, redo: redo,
      selection: selection,
      programVersion: ProgramVersion.text, host: setting.host, processID: setting.processID)
    request.words = words
    return PipelineRunner(
      project: try ProjectLoader(path: projectPath, environment: environment).load(),
      request: request, zones: systemZone, log: log, progress: progress, follow: follow,
      clock: currentTime)
  }
}
