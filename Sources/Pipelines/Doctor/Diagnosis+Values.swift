import AlmanacCore
import Billing
import Postgres

/// What rows of the last weeks hold that a night cannot use, asked of the source itself.
extension Diagnosis {
  /// How many days before the newest row are looked at (DECISIONS.md, D-553).
  static let recentDays = 35

  /// The condition that a row of a dataset is of the last weeks, `nil` where it has no time.
  private func recent(_ definition: DatasetDefinition) -> (instant: String, condition: String)? {
    guard let time = definition.timeColumn ?? definition.recordedColumn,
      let column = definition[column: time]
    else { return nil }
    let instant = "(\(column.sql))"
    return (
      instant,
      "\(instant) >= (SELECT max(\(instant)) FROM \(definition.sqlSource)) "
        + "- interval '\(Diagnosis.recentDays) days'"
    )
  }

  /// Currencies and days without a rate to the currency of a pipeline.
  mutating func examineRates(
    _ side: Side, _ datasets: [DatasetDefinition], _ project: Project
  ) {
    look("exchange rates") { diagnosis in
      let currencies = Set(project.pipelines.map(\.currency))
      var uses: [String: Set<RateUse>] = [:]
      for definition in datasets {
        for column in definition.allColumns {
          guard let currency = column.currencyColumn.flatMap({ definition[column: $0] }),
            let (instant, condition) = diagnosis.recent(definition)
          else { continue }
          let rows = try side.connection.query(
            """
            SELECT DISTINCT pg_catalog.btrim((\(currency.sql))::text) AS currency,
              (\(instant) AT TIME ZONE 'UTC')::pg_catalog.date AS day
            FROM \(definition.sqlSource)
            WHERE \(condition) AND (\(column.sql)) IS NOT NULL
            """)
          for row in 0..<rows.count {
            guard let source = rows[row, "currency"].flatMap({ CurrencyCode($0) }),
              let day = rows[row, "day"].flatMap({ CalendarDate($0) })
            else { continue }
            for target in currencies where target != source {
              uses[definition.name, default: []].insert(
                RateUse(source: source, target: target, date: day))
            }
          }
        }
      }
      try diagnosis.examineRates(uses, side, datasets)
    }
  }

  private mutating func examineRates(
    _ uses: [String: Set<RateUse>], _ side: Side, _ datasets: [DatasetDefinition]
  ) throws {
    let check = "exchange rates"
    guard let first = uses.values.flatMap({ $0 }).map(\.date).min() else {
      add(check, .ok, "no amount of the last \(Diagnosis.recentDays) days needs one")
      return
    }
    let definition = datasets.first { $0.name == RunContext.ratesDataset }
    let rates = try definition.map {
      ExchangeRates(try rateRows($0, since: first.adding(days: -ExchangeRates.longestAge), side))
    }
    var gaps: [String: (use: RateUse, count: Int)] = [:]
    for uses in uses.values {
      for use in uses.sorted() {
        let found = rates?.rate(from: use.source, to: use.target, on: use.date)
        if case .success? = found { continue }
        let key = "\(use.source) \(use.target)"
        // The first day of a pair is named, by whichever dataset it is needed.
        let known = gaps[key]
        gaps[key] = (known.map { min($0.use, use) } ?? use, (known?.count ?? 0) + 1)
      }
    }
    if gaps.isEmpty {
      add(check, .ok, "every amount of the last \(Diagnosis.recentDays) days has one")
    }
    let table = definition?.displayedSource ?? "billing.exchange_rates"
    for (_, gap) in gaps.sorted(by: { $0.key < $1.key }) {
      let (source, target) = (gap.use.source, gap.use.target)
      add(
        check, .error,
        "none from \(source) to \(target) for \(gap.use.date) or the \(ExchangeRates.longestAge) "
          + "days before it" + (gap.count > 1 ? ", nor for \(gap.count - 1) later days" : ""),
        fix: "INSERT INTO \(table) (base, quote, rate_date, rate) "
          + "VALUES ('\(source)', '\(target)', '\(gap.use.date)', …);", status: .badData)
    }
  }

  /// The rates since a day as the source has them now.
  private func rateRows(
    _ definition: DatasetDefinition, since day: CalendarDate, _ side: Side
  ) throws -> [ExchangeRate] {
    func sql(_ column: String) -> String {
      definition[column: column]?.sql ?? quoteIdentifier(column)
    }
    let rows = try side.connection.query(
      """
      SELECT pg_catalog.btrim((\(sql("base")))::text) AS base,
        pg_catalog.btrim((\(sql("quote")))::text) AS quote, (\(sql("rate_date"))) AS day,
        pg_catalog.round((\(sql("rate"))) * 10000000000) AS rate,
        (extract(epoch FROM (\(sql("created_at")))) * 1000000)::pg_catalog.int8 AS recorded
      FROM \(definition.sqlSource) WHERE (\(sql("rate_date"))) >= '\(day)'
      """)
    return (0..<rows.count).compactMap { row in
      guard let base = rows[row, "base"].flatMap({ CurrencyCode($0) }),
        let quote = rows[row, "quote"].flatMap({ CurrencyCode($0) }),
        let day = rows[row, "day"].flatMap({ CalendarDate($0) }),
        let rate = rows[row, "rate"].flatMap({ Int128($0) }),
        let recorded = rows[row, "recorded"].flatMap({ Int64($0) })
      else { return nil }
      return ExchangeRate(
        base: base, quote: quote, date: day, tenBillionths: rate,
        recordedAt: Timestamp(microseconds: recorded))
    }
  }

  /// Kinds of event that the source contract does not name.
  mutating func examineEventTypes(_ side: Side, _ datasets: [DatasetDefinition]) {
    guard let definition = datasets.first(where: { $0.name == RollupStage.dataset }),
      let column = definition[column: "event_type"], let (_, condition) = recent(definition)
    else { return }
    look("event types") { diagnosis in
      let rows = try side.connection.query(
        """
        SELECT (\(column.sql))::text AS kind, pg_catalog.count(*) AS events
        FROM \(definition.sqlSource) WHERE \(condition) GROUP BY 1 ORDER BY 2 DESC, 1
        """)
      let unknown = (0..<rows.count).filter {
        !EventType.knownNames.contains(rows[$0, "kind"] ?? "")
      }
      guard let first = unknown.first else {
        diagnosis.add("event types", .ok, "all \(rows.count) of them are known")
        return
      }
      let names = unknown.prefix(3).map { JSONText.quoted(rows[$0, "kind"] ?? "") }
      diagnosis.add(
        "event types", .warning,
        "\(unknown.count) of \(rows.count) are not known, \(names.joined(separator: ", "))"
          + (unknown.count > 3 ? ", …" : "") + "; they are counted, but belong to no metric",
        fix: rows[first, "kind"].map { "almanac query rollup \(shellWord($0)) --by company" })
    }
  }

  /// Zones that companies name and nobody knows, where their own days count.
  mutating func examineZones(
    _ side: Side, _ datasets: [DatasetDefinition], _ project: Project,
    _ zones: (String) -> ZoneRules?
  ) {
    let named = project.pipelines.filter { !$0.countsCompanyDays && zones($0.zone) != nil }
    if !named.isEmpty {
      add(
        "time zones", .ok,
        named.map { "\($0.name) counts days in \($0.zone)" }.joined(separator: ", "))
    }
    guard project.pipelines.contains(where: \.countsCompanyDays),
      let companies = datasets.first(where: { $0.name == "companies" }),
      let zone = companies[column: "timezone"]
    else { return }
    look("time zones") { diagnosis in
      let rows = try side.connection.query(
        """
        SELECT (\(zone.sql))::text AS zone, pg_catalog.count(*) AS companies
        FROM \(companies.sqlSource) GROUP BY 1 ORDER BY 1
        """)
      let lost = (0..<rows.count).filter { row in
        rows[row, "zone"].map { zones($0) == nil } ?? true
      }
      // A name that is wrong before one that is missing, since it was meant.
      let name = lost.compactMap { rows[$0, "zone"] }.first
      let condition = name.map { "= '\($0.replacing("'", with: "''"))'" } ?? "IS NULL"
      let count = lost.reduce(0) { $0 + (rows[$1, "companies"].flatMap { Int($0) } ?? 0) }
      guard count > 0 else {
        diagnosis.add("time zones", .ok, "those of all companies are known")
        return
      }
      diagnosis.add(
        "time zones", .warning,
        "\(count) of the companies count in UTC, since they name no zone that is known here"
          + (name.map { ", but \(JSONText.quoted($0))" } ?? ""),
        fix: "UPDATE \(companies.displayedSource) SET timezone = 'Europe/London' "
          + "WHERE timezone \(condition);")
    }
  }
}
