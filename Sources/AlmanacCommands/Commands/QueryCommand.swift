import AlmanacCore
import Columns
import Pipelines
import Postgres

/// `almanac query`: metrics, rollups, cohorts and funnels from the shell.
package struct QueryCommand: Command {
  package static let name = "query"
  package static let summary = "print metrics, rollups, cohorts or funnels"
  package static let verbs = QueryRequest.subjects
  package static let help = """
    Usage: almanac query metric NAME [--by DIMENSION] [--grain day|month] [OPTIONS]
           almanac query rollup [TYPE] [--by type,module,company]
                                       [--grain hour|day|month] [OPTIONS]
           almanac query rollup [TYPE] --grain range --from DATE --to DATE
                                       [--by type,module,company] [OPTIONS]
           almanac query cohort signup|first_payment|first_module [OPTIONS]
           almanac query funnel NAME [OPTIONS]

    Prints what the pipeline has computed. A metric is split by one of its
    dimensions, such as plan or module, or by company. A rollup counts the events
    of a type, or of all; it has unique users where company, type and module are
    all given or split by, because users are not added up. --grain range takes all
    days as one: it counts the events of the snapshots, so its users are exact
    whatever it is split by. --as-of computes from the snapshots what a run at that
    time would have found: what had happened and been recorded by then, with the
    definitions of now. On a terminal the last column of a table shows how the
    value went.

    Options:
      --from DATE      the first day (default: the earliest)
      --to DATE        the last day (default: the latest)
      --grain GRAIN    the length of the periods (default: day)
      --by DIMENSION   what to split by
      --as-of TIME     what was known at the end of a day, such as 2026-01-31, or at
                       an instant; of a rollup with --grain range
      --company UUID   one company (default: all of them together)
      --format FORMAT  table, csv or json (default: table)
      --data DIR       of a range or --as-of: the folder of snapshots
                       (default: var/data)
      --project DIR    of these: the folder that holds pipelines and datasets
                       (default: the current one)
      --pipeline NAME  of these: whose zone and currency count (default: the only
                       pipeline)
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else $ALMANAC_SOURCE, else PG*)

    CSV is safe to open in a spreadsheet: text that it would take for a formula
    begins with an apostrophe.

    Examples:
      almanac query metric mrr --by plan --from 2026-01-01 --grain month
      almanac query rollup payment_failed --from 2026-06-01 --format csv
      almanac query rollup --grain range --from 2026-01-15 --to 2026-02-14 --by type
      almanac query cohort signup
      almanac query metric mrr --grain month --as-of 2026-03-31
    """

  private let request: QueryRequest
  private let format: OutputFormat
  private let target: ConnectionSettings
  private let environment: [String: String]

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try targetSettings(&scanner, environment: environment)
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
    request = try QueryRequest(&scanner)
    self.environment = environment
  }

  package func run(in setting: CommandSetting) throws {
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let answer: QueryReading.Answer
    if let place = request.place, request.grain == .range {
      answer = try notingDamage(in: place.data, setting.console) {
        try SnapshotQuery(connection, request, place, environment, setting.console)
          .range(setting.console)
      }
    } else if let place = request.place, let moment = request.asOf {
      answer = try notingDamage(in: place.data, setting.console) {
        try SnapshotQuery(connection, request, place, environment, setting.console)
          .answer(asOf: moment, jobs: setting.processors, setting.console)
      }
    } else {
      answer = try QueryReading(connection, request).run()
    }
    let total = answer.batches.reduce(0) { $0 + $1.rowCount }
    if total == 0 {
      setting.console.report("there are no rows; --from, --to or --company fit none")
    }
    guard total > 0 || format != .table else { return }
    let isSparkling = format == .table && setting.console.printsToTerminal
    let shown = isSparkling ? answer.withSparklines() : answer
    setting.console.print(RowText(shown.fields, shown.batches, total: total).lines(format))
  }
}

extension QueryReading.Answer {
  /// The same rows, with a column of sparklines behind the value.
  func withSparklines() -> QueryReading.Answer {
    guard let value, let place = fields.firstIndex(where: { $0.name == value }) else { return self }
    var keys: [[ColumnValue?]] = []
    var numbers: [Double?] = []
    for batch in batches {
      let keyColumns = series.compactMap { batch[$0] }
      guard let column = batch[value] else { return self }
      for row in 0..<batch.rowCount {
        keys.append(keyColumns.map { $0.value(row) })
        switch column.value(row) {
        case .integer(let number): numbers.append(Double(number))
        case .float(let number): numbers.append(number)
        default: numbers.append(nil)
        }
      }
    }
    var lines: [String] = []
    var first = 0
    while first < keys.count {
      var next = first
      while next < keys.count, keys[next] == keys[first] { next += 1 }
      lines += Sparkline.trailing(Array(numbers[first..<next]))
      first = next
    }
    let trend = Field("trend", .text)
    var start = 0
    let wider = batches.map { batch in
      var builder = ColumnBuilder(trend)
      for row in 0..<batch.rowCount { builder.append(lines[start + row]) }
      start += batch.rowCount
      var columns = batch.columns
      columns.insert(builder.finish(), at: place + 1)
      return Batch(columns)
    }
    var all = fields
    all.insert(trend, at: place + 1)
    return QueryReading.Answer(fields: all, batches: wider, series: series, value: value)
  }
}
