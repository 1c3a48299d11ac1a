import AlmanacCore
import Columns
import Glibc
import Postgres
import Rollups

/// Rolls events of PostgreSQL up into a table of PostgreSQL, beside the server's own way and a
/// client of another kind: each into the contract's table with its primary key, with a ledger row.
struct TableRollupBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions
  /// The events.
  let workload: EventWorkload
  /// What the rollup knows besides the events.
  let rollupSettings: RollupSettings

  /// What a way took.
  private struct Cost {
    var wall = 0.0
    /// Processor time of client and server together; `nan` where it was not measured.
    var processor = Double.nan
  }

  /// The figures: once each, since the server's own way takes long.
  func run() throws -> [Figure] {
    note("rollup: table to table")
    let server = try measured("rollup_server", inServer)
    let ours = try measured("rollup_ours", inClient)
    let peer = try measured("rollup_peer") { table in
      let seconds: [String: Double] = try options.runPeer(
        "bench_rollup_tables.py", [workload.url, table])
      return Cost(wall: seconds["seconds"] ?? .nan)
    }
    guard server.digest == ours.digest, peer.digest == ours.digest else {
      throw BenchmarkError.wrongResult(
        of: "table to table", found: ours.digest, expected: "\(server.digest), \(peer.digest)")
    }
    func figure(
      _ name: String, _ value: Double, _ peer: Double, _ comparison: Comparison
    ) -> Figure {
      Figure(
        measure: "table to table, \(name)", ours: value, peer: peer, comparison: comparison,
        isAtTargetSize: options.rows == BenchmarkOptions.targetRows)
    }
    return [
      figure("/ INSERT SELECT", ours.cost.wall, server.cost.wall, .speed(atLeast: 3)),
      figure(
        "processor / INSERT SELECT", ours.cost.processor, server.cost.processor,
        .share(atMost: 0.5)),
      figure("/ ADBC and Polars", ours.cost.wall, peer.cost.wall, .speed(atLeast: 2)),
    ]
  }

  /// Runs a way into a new table, and digests what it wrote.
  private func measured(
    _ table: String, _ way: (String) throws -> Cost
  ) throws -> (cost: Cost, digest: String) {
    let connection = try Connection(workload.settings(), purpose: .target)
    try connection.runScript(
      """
      DROP TABLE IF EXISTS public.\(table);
      CREATE TABLE public.\(table) (
        company_id uuid NOT NULL, event_type text NOT NULL, module_id uuid NOT NULL,
        hour timestamptz NOT NULL, event_count bigint NOT NULL, unique_users bigint NOT NULL,
        amount_sum numeric(28,4), amount_min numeric(28,4), amount_max numeric(28,4),
        duration_ms_sum numeric(38,0), PRIMARY KEY (company_id, event_type, module_id, hour));
      CREATE TABLE IF NOT EXISTS public.ledger (name text, finished_at timestamptz);
      CHECKPOINT;
      """)
    let cost = try way(table)
    let rows = try connection.query(
      """
      SELECT count(*) || ' rows, ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)
      FROM public.\(table) AS t
      """)
    try connection.run("DROP TABLE public.\(table)")
    return (cost, rows[0, 0] ?? "")
  }

  /// INSERT … SELECT … GROUP BY, with memory enough to hash.
  private func inServer(_ table: String) throws -> Cost {
    let connection = try Connection(workload.settings(), purpose: .target)
    try connection.runScript("SET work_mem = '2GB'")
    let seconds = try timed {
      try connection.transaction {
        try connection.run(
          """
          INSERT INTO public.\(table)
          SELECT company_id, event_type,
            coalesce(module_id, '00000000-0000-0000-0000-000000000000'),
            date_trunc('hour', "timestamp", 'UTC'), count(*), count(DISTINCT user_id),
            sum(amount), min(amount), max(amount), NULL
          FROM public.events GROUP BY 1, 2, 3, 4
          """)
        try connection.run("INSERT INTO public.ledger VALUES ('\(table)', now())")
      }
    }.seconds
    return Cost(wall: seconds, processor: try processorTime(of: connection))
  }

  /// Two connections read half of the pages each, two threads roll half of the days up each, and
  /// write them in the order of the key.
  private func inClient(_ table: String) throws -> Cost {
    let fields = EventWorkload.rollupFields
    let queries = try workload.halves().map { workload.query(fields, condition: $0) }
    let settings = try workload.settings()
    let rollupSettings = rollupSettings
    let start = processorSeconds()
    let (server, seconds) = try timed {
      let read = try inParallel(queries) { query in
        let connection = try Connection(settings, purpose: .source)
        var batches: [Batch] = []
        try connection.copyOut(query, fields: fields, source: "events") { batches.append($0) }
        return (batches: batches, server: try processorTime(of: connection))
      }
      let batches = read.flatMap(\.batches)
      let written = try inParallel([0, 1]) { half in
        let connection = try Connection(settings, purpose: .target)
        let days = RollupBenchmark.days(half, of: 2)
        let hours = days.lowerBound.startUTC.hour..<days.upperBound.startUTC.hour
        let instants =
          days.lowerBound.startUTC.microseconds..<days.upperBound.startUTC.microseconds
        var state = RollupState(.hours(hours), settings: rollupSettings)
        for batch in batches where batch.reaches(into: instants) { try state.accumulate(batch) }
        let rows = try state.finish().batch
        try connection.transaction {
          _ = try connection.copyIn(rows, into: QualifiedName(schema: "public", name: table))
          try connection.run("INSERT INTO public.ledger VALUES ('\(table)', now())")
        }
        return try processorTime(of: connection)
      }
      return read.reduce(0) { $0 + $1.server } + written.reduce(0, +)
    }
    return Cost(wall: seconds, processor: server + processorSeconds() - start)
  }
}

/// The processor seconds that the server's process of a connection took so far.
private func processorTime(of connection: Connection) throws -> Double {
  let line = try connection.query("SELECT pg_read_file('/proc/self/stat')")[0, 0] ?? ""
  // The name of the program, in parentheses, may hold spaces; behind it come fields 3 and on.
  let fields = line.split(separator: ")").last?.split(separator: " ")
  guard let fields, fields.count > 12, let user = Double(fields[11]),
    let system = Double(fields[12])
  else { throw BenchmarkError.cannotRead(path: "/proc/self/stat of the server") }
  return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
}

extension Batch {
  /// Whether the time of a row may lie in an interval.
  fileprivate func reaches(into instants: Range<Int64>) -> Bool {
    guard case .int64(let times)? = self["timestamp"]?.storage, let least = times.min(),
      let most = times.max()
    else { return false }
    return least < instants.upperBound && most >= instants.lowerBound
  }
}
