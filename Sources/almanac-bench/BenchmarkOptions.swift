import AlmanacCore
import FoundationEssentials

/// What a command line asks the benchmarks to do.
struct BenchmarkOptions {
  /// The parts that can be run alone.
  enum Part: String, CaseIterable {
    /// PostgreSQL to columns and to Parquet.
    case extract
    /// Nights with few new rows, from PostgreSQL to the files of days.
    case night
    /// Columns to hourly and daily rollups.
    case rollup
    /// Late events through the pipeline to the tables of rollups.
    case late
    /// Forecasts of daily series.
    case forecast
    /// Regressions.
    case regression
    /// Churn and failing payments of simulated worlds.
    case risk
    /// How the time of risks grows with the number of companies.
    case riskGrowth = "risk-growth"
    /// Whether the laws of models of risk hold in simulations.
    case riskSimulations = "risk-simulations"
    /// A simulated business into PostgreSQL.
    case simulate
    /// Whole nights by the program itself.
    case runner
    /// Answers on the shell.
    case query
    /// Predictions copied, checked and shown.
    case publishSwitch = "publish-switch"
    /// A reader who looks on while runs publish and are killed.
    case publishReaders = "publish-readers"
    /// Reads of single companies.
    case publishReads = "publish-reads"
  }

  /// The number of rows for which the targets of the event workload hold.
  static let targetRows = 10_000_000

  /// The parts to run, in order; all if none is named.
  var parts: [Part] = []
  /// The number of events.
  var rows = 1_000_000
  /// The folder for files and results.
  var folder = "var/bench"
  /// The folder of the scripts that run peers.
  var scripts = "Tests/Peers"
  /// The Python that has the peers.
  var python = "var/bench-peers/bin/python"
  /// The server's own client.
  var psql = "psql"
  /// The program itself.
  var almanac = "almanac"
  /// The folder of the private server's socket.
  let socketFolder: String

  /// How often each measure is taken; its median counts.
  var runs = 3

  /// The companies of a simulated world, and the number of worlds of each kind, for risks.
  var companies = 500
  var seeds = 1
  /// The first of those seeds.
  var firstSeed = 1

  /// Reads `[--rows N] [--runs N] [--companies N] [--seeds N] [--first-seed N] [--psql PATH]
  /// [--almanac PATH] [PART]...`.
  init(_ arguments: [String]) throws(BenchmarkError) {
    guard let folder = ProcessInfo.processInfo.environment["ALMANAC_TEST_PGHOST"] else {
      throw .noServer
    }
    socketFolder = folder
    var rest = arguments[...]
    while let word = rest.popFirst() {
      switch word {
      case "--rows":
        guard let rows = rest.popFirst().flatMap({ Int($0) }), rows >= 10_000 else {
          throw .usage("--rows takes a whole number from 10000")
        }
        self.rows = rows
      case "--runs":
        guard let runs = rest.popFirst().flatMap({ Int($0) }), runs >= 1 else {
          throw .usage("--runs takes a whole number from 1")
        }
        self.runs = runs
      case "--companies", "--seeds", "--first-seed":
        guard let count = rest.popFirst().flatMap({ Int($0) }), count >= 1 else {
          throw .usage("\(word) takes a whole number from 1")
        }
        switch word {
        case "--companies": companies = count
        case "--seeds": seeds = count
        default: firstSeed = count
        }
      case "--psql":
        guard let path = rest.popFirst() else { throw .usage("--psql takes a path") }
        psql = path
      case "--almanac":
        guard let path = rest.popFirst() else { throw .usage("--almanac takes a path") }
        almanac = path
      default:
        guard let part = Part(rawValue: word) else {
          throw .usage(
            "there is no part \(word); one of "
              + Part.allCases.map(\.rawValue).joined(separator: ", "))
        }
        parts.append(part)
      }
    }
    if parts.isEmpty { parts = Part.allCases }
  }
}

/// Why a benchmark gives no figures.
enum BenchmarkError: ExitStatusConvertible {
  /// The command line is wrong.
  case usage(String)
  /// There is no private server.
  case noServer
  /// A program could not be run to its end.
  case commandFailed(program: String, status: Int32)
  /// A file could not be read.
  case cannotRead(path: String)
  /// A file could not be written.
  case cannotWrite(path: String)
  /// A result differs from what the server, a peer or another run has.
  case wrongResult(of: String, found: String, expected: String)

  var description: String {
    switch self {
    case .usage(let text): text
    case .noServer: "ALMANAC_TEST_PGHOST is not set, so there is no server; run `make bench`"
    case .commandFailed(let program, let status): "\(program) failed with status \(status)"
    case .cannotRead(let path): "cannot read \(path)"
    case .cannotWrite(let path): "cannot write \(path); is the disk full?"
    case .wrongResult(let measure, let found, let expected):
      "\(measure): wrong result: \(found), expected \(expected)"
    }
  }

  var exitStatus: ExitStatus {
    switch self {
    case .usage: .usage
    case .noServer: .unavailable
    case .cannotRead, .cannotWrite: .inputOutput
    case .commandFailed, .wrongResult: .internalError
    }
  }
}
