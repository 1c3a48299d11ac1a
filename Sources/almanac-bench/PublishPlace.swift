import AlmanacCore
import Columns
import Pipelines
import Postgres

/// A migrated database for the benchmarks of publication, and predictions to put there.
struct PublishPlace {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions
  /// The name of the database.
  let database: String

  /// The model of all rows.
  static let model = "revenue"
  /// Days that are forecast of each company.
  static let days = 50

  /// Makes the database and its schemas.
  init(_ options: BenchmarkOptions, database: String) throws {
    self.options = options
    self.database = database
    try options.createDatabase(database)
    try Shell.run(
      [options.almanac, "init", "--target", url].map(Shell.quoted).joined(separator: " ")
        + " > /dev/null", program: "almanac")
  }

  /// A place whose database is there already.
  init(_ options: BenchmarkOptions, existing database: String) {
    self.options = options
    self.database = database
  }

  /// The connection string.
  var url: String { options.url(database: database) }

  /// The identifier of a run.
  static func run(_ number: Int) -> String { identifier("b", number).description }

  /// The identifier of a company; companies are numbered in the order of their identifiers.
  static func company(_ number: Int) -> UUIDValue { identifier("a", number) }

  private static func identifier(_ kind: String, _ number: Int) -> UUIDValue {
    let digits = String(number)
    let padded = String(repeating: "0", count: 12 - digits.count) + digits
    return UUIDValue("0000000\(kind)-0000-4000-8000-\(padded)") ?? .zero
  }

  /// Forecasts of a run in the order of the table's key, in batches.
  static func forecasts(run number: Int, rows: Int) -> [Batch] {
    let run = UUIDValue(self.run(number)) ?? .zero
    return stride(from: 0, to: rows, by: 50_000).map { start in
      let rows = start..<min(rows, start + 50_000)
      func column(
        _ name: String, _ type: ColumnType, _ append: (inout ColumnBuilder, Int) -> Void
      ) -> Column {
        var builder = ColumnBuilder(Field(name, type))
        for row in rows { append(&builder, row) }
        return builder.finish()
      }
      func text(_ name: String, _ value: String) -> Column {
        column(name, .text) { builder, _ in builder.append(value) }
      }
      func money(_ name: String, _ offset: Int) -> Column {
        column(name, .money) { builder, row in
          builder.append(integer: Int128(1_000_000 + row % 1_000_003 * 7 + offset * 5_000))
        }
      }
      return Batch([
        column("company_id", .uuid) { $0.append(company($1 / days)) },
        column("run_id", .uuid) { builder, _ in builder.append(run) },
        text("scope", "total"), text("scope_id", ""), text("grain", "day"),
        column("period_start", .date) { $0.append(integer: Int128(20_000 + $1 % days)) },
        column("horizon", .int32) { $0.append(integer: Int128($1 % days + 1)) },
        money("predicted", 0), money("lower_80", -10), money("upper_80", 10),
        money("lower_95", -20), money("upper_95", 20), text("currency", "USD"),
        text("model_used", "ridge"),
        column("as_of", .date) { builder, _ in builder.append(integer: 19_999) },
        column("recorded_cut", .timestamp) { builder, _ in
          builder.append(integer: 1_728_000_000_000_000)
        },
        text("model", model), text("model_version", "v1"), text("feature_digest", "0123456789"),
        column("valid_until", .timestamp) { builder, _ in
          builder.append(integer: 4_102_444_800_000_000)
        },
      ])
    }
  }

  /// Takes the lock of runs, as a night does.
  func lock() throws -> RunLock {
    let settings = try options.settings(database: database)
    return try RunLock(
      try options.connect(database: database), settings: settings, run: .zero,
      holder: "almanac-bench")
  }
}
