import AlmanacCore
import Columns
import Forecasting
import Postgres

/// A daily metric of a company, or of all of them.
struct MetricSeries: Sendable {
  let company: UUIDValue
  let metric: String
  /// The first day.
  let start: CalendarDate
  /// One for each day up to the last date, or the last one that is over; NaN where there is none.
  let values: [Double]

  /// The anomalies of the days that are reported.
  func anomalies(through date: CalendarDate) -> [AnomalyRow] {
    let first = start.distance(to: date.adding(days: 1 - AnomaliesStage.reportedDays))
    let found = AnomalyRule(seasonLength: 7).anomalies(in: values)
    return found.filter { $0.position >= first }.map {
      AnomalyRow(
        company: company, metric: metric, date: start.adding(days: $0.position), anomaly: $0)
    }
  }

  /// The series that are judged, in the order of companies and of the metrics' names by their bytes.
  ///
  /// Of all companies each metric without a dimension; of a single company those counts and amounts
  /// that it has on four of five days since the first one. A company has no row where the numerator
  /// is zero, so there a day without a row is a zero, and in those of all companies it is unknown.
  ///
  /// A series ends with the last day that is over for its company, `date` or the one before.
  static func read(
    _ connection: Connection, through date: CalendarDate, over: DatesOver
  ) throws -> [MetricSeries] {
    let from = date.adding(days: 1 - AnomaliesStage.historyDays - AnomaliesStage.reportedDays)
    // The server would read the rows twice to choose series, and sort them: here they find their
    // places as they come (DECISIONS.md, D-606).
    let query = """
      SELECT company_id, metric_name, date, value::float8, unit IN ('money', 'count') AS is_amount
      FROM analytics.daily_metrics
      WHERE date BETWEEN date '\(from)' AND date '\(date)' AND dimension = ''
      """
    let fields = [
      Field("company_id", .uuid), Field("metric_name", .text), Field("date", .date),
      Field("value", .float64, isNullable: true), Field("is_amount", .bool),
    ]
    var rows = MetricRows()
    try connection.copyOut(query, fields: fields, source: "analytics.daily_metrics") {
      rows.add($0)
    }
    return rows.series(through: date, over: over)
  }
}

/// Values of daily metrics in the order in which they come.
private struct MetricRows {
  /// What is known of one metric of one company.
  private struct Tally {
    var company: UUIDValue
    var metric: Int32
    var count = 0
    /// The days of its first and last value, counted from the epoch.
    var first = Int32.max
    var last = Int32.min
    /// Whether all of its values are counts or amounts.
    var isAmount = true
  }

  private var companies = Numbering<UUIDValue>()
  private var metrics = Numbering<String>()
  private var numbers: [Int64: Int32] = [:]
  private var tallies: [Tally] = []
  /// Of each value whose it is, its day and what it is; NaN for null.
  private var owners: [Int32] = []
  private var days: [Int32] = []
  private var values: [Double] = []

  /// Adds rows of the columns company, metric, date, value and whether it is a count or an amount.
  mutating func add(_ batch: Batch) {
    let companyNumbers = companies.numbers(of: batch.columns[0])
    let metricNumbers = metrics.texts(of: batch.columns[1])
    let amounts = batch.columns[3]
    guard case .int32(let dates) = batch.columns[2].storage,
      case .float64(let found) = amounts.storage,
      case .bool(let flags) = batch.columns[4].storage
    else { return }
    // Rows are written in the order of the key: the owner of one is mostly that of the row before.
    var last: (key: Int64, number: Int32)?
    for row in 0..<batch.rowCount {
      let key = Int64(companyNumbers[row]) << 32 | Int64(metricNumbers[row])
      if last?.key != key { last = (key, number(key)) }
      guard let number = last?.number else { continue }
      let place = Int(number)
      tallies[place].count += 1
      tallies[place].first = min(tallies[place].first, dates[row])
      tallies[place].last = max(tallies[place].last, dates[row])
      if !flags[row] { tallies[place].isAmount = false }
      owners.append(number)
      days.append(dates[row])
      values.append(amounts.isNull(row) ? .nan : found[row])
    }
  }

  private mutating func number(_ key: Int64) -> Int32 {
    if let number = numbers[key] { return number }
    let number = Int32(tallies.count)
    numbers[key] = number
    tallies.append(
      Tally(company: companies.values[Int(key >> 32)], metric: Int32(truncatingIfNeeded: key)))
    return number
  }

  /// The series that are judged, up to a date.
  func series(through date: CalendarDate, over: DatesOver) -> [MetricSeries] {
    func isJudged(_ tally: Tally) -> Bool {
      if tally.company == .zero { return true }
      let days = Int(date.daysSinceEpoch - tally.first) + 1
      return tally.isAmount && 10 * tally.count >= 8 * days
    }
    let judged = tallies.indices.filter { isJudged(tallies[$0]) }
    var places = [Int](repeating: -1, count: tallies.count)
    for (place, number) in judged.enumerated() { places[number] = place }
    var filled = judged.map { number in
      let tally = tallies[number]
      let end = max(tally.last, min(date, over.last(tally.company)).daysSinceEpoch)
      return [Double](
        repeating: tally.company == .zero ? .nan : 0, count: Int(end - tally.first) + 1)
    }
    for row in owners.indices {
      let owner = Int(owners[row])
      let place = places[owner]
      if place >= 0 { filled[place][Int(days[row] - tallies[owner].first)] = values[row] }
    }
    return judged.indices.sorted { left, right in
      let (one, other) = (tallies[judged[left]], tallies[judged[right]])
      return one.company == other.company
        ? name(one) < name(other) : one.company < other.company
    }.map { place in
      let tally = tallies[judged[place]]
      return MetricSeries(
        company: tally.company, metric: name(tally),
        start: CalendarDate(daysSinceEpoch: tally.first), values: filled[place])
    }
  }

  private func name(_ tally: Tally) -> String { metrics.values[Int(tally.metric)] }
}
