import AlmanacCore
import Glibc
package import Regression

/// A row of a panel: a company as of an instant.
package struct PanelRow: Hashable, Sendable {
  /// The company's position.
  package var company: Int
  /// The position of the instant.
  package var period: Int

  /// The row of a company and an instant.
  package init(company: Int, period: Int) {
    self.company = company
    self.period = period
  }
}

/// The features of companies as of instants, each seeing only what had happened and been recorded
/// before its instant (DECISIONS.md, D-510).
package struct FeaturePanel: Sendable {
  /// The rows, in the order of the request.
  package let rows: [PanelRow]
  /// One column for each feature, by name: numbers, NaN where one is missing, or the texts of an
  /// attribute or a holding.
  package let table: Table
  /// The quantities each feature is made of, one or two, or none of a text, by the feature's position:
  /// what reasons say in words.
  package let quantities: [[[Double]]]
  /// What identifiers of what companies hold are called.
  let holdingNames: [String: String]

  /// Computes features.
  ///
  /// - Parameters:
  ///   - features: the columns.
  ///   - history: what they are computed from.
  ///   - rows: the rows wanted.
  /// - Throws: ``FeatureError``.
  /// - Complexity: linear in the rows times the cells of the windows.
  package init(
    _ features: [FeatureSpecification], of history: FeatureHistory, rows: [PanelRow]
  ) throws(FeatureError) {
    var history = history
    history.seal()
    var table = Table(rowCount: rows.count)
    var quantities: [[[Double]]] = []
    // Of one company after the other, so that its cells are at hand for all its instants.
    let order = FeaturePanel.byCompany(rows)
    var known: [FeatureQuantity: [Double]] = [:]
    for feature in features {
      guard table[feature.name] == nil else { throw .repeatedName(feature.name) }
      if let texts = try history.texts(of: feature) {
        table.add(feature.name, texts.column(rows, asOf: history.asOf))
        quantities.append([])
        continue
      }
      var columns = try feature.kind.quantities.map { (quantity) throws(FeatureError) in
        if let column = known[quantity] { return column }
        let column = try history.values(
          of: quantity, feature: feature.name, rows: rows, order: order)
        known[quantity] = column
        return column
      }
      if let earlier = feature.kind.earlierWindow {
        let measure = feature.kind.quantities[earlier.position].measure
        let first = history.firstDays(ofTally: measure)
        for (place, row) in rows.enumerated() {
          let begins = history.asOfDays[row.period] - Int32(earlier.days)
          if (first.map { $0[row.period] > begins } ?? false)
            || !history.hasRow(row, by: earlier.days)
          {
            columns[earlier.position][place] = .nan
          }
        }
      }
      table.add(feature.name, .numbers(FeaturePanel.combined(feature.kind, columns)))
      quantities.append(columns)
    }
    self.rows = rows
    self.table = table
    self.quantities = quantities
    holdingNames = history.holdingNames
  }

  /// Chosen rows, and further features of theirs.
  ///
  /// - Parameters:
  ///   - positions: the rows, by position; one may be chosen several times.
  ///   - further: features that are one quantity each, with its value in each chosen row.
  /// - Returns: the chosen rows, in the order of the choice.
  package func selecting(
    _ positions: [Int], adding further: [(feature: FeatureSpecification, values: [Double])] = []
  ) -> FeaturePanel {
    var table = table.selecting(rows: positions)
    var quantities = quantities.map { columns in
      columns.map { column in positions.map { column[$0] } }
    }
    for (feature, values) in further {
      table.add(feature.name, .numbers(FeaturePanel.combined(feature.kind, [values])))
      quantities.append([values])
    }
    return FeaturePanel(
      rows: positions.map { rows[$0] }, table: table, quantities: quantities,
      holdingNames: holdingNames)
  }

  /// The positions of rows by company, of one company in their order.
  private static func byCompany(_ rows: [PanelRow]) -> [Int] {
    // Counted, not sorted, so that time is linear in the rows.
    var starts = [Int](repeating: 0, count: (rows.lazy.map(\.company).max() ?? -1) + 2)
    for row in rows { starts[row.company + 1] += 1 }
    for company in 1..<starts.count { starts[company] += starts[company - 1] }
    var order = [Int](repeating: 0, count: rows.count)
    for (position, row) in rows.enumerated() {
      order[starts[row.company]] = position
      starts[row.company] += 1
    }
    return order
  }

  private init(
    rows: [PanelRow], table: Table, quantities: [[[Double]]], holdingNames: [String: String]
  ) {
    self.rows = rows
    self.table = table
    self.quantities = quantities
    self.holdingNames = holdingNames
  }

  private static func combined(
    _ kind: FeatureSpecification.Kind, _ columns: [[Double]]
  ) -> [Double] {
    switch kind {
    case .attribute, .holding: preconditionFailure("a text has no quantities")
    case .plain: columns[0]
    case .logarithm: columns[0].map { $0 < 0 ? .nan : log1p($0) }
    case .share: zip(columns[0], columns[1]).map { $1 == 0 ? .nan : $0 / $1 }
    case .logRatio(_, _, let prior):
      zip(columns[0], columns[1]).map { one, other in
        one + prior > 0 && other + prior > 0 ? log((one + prior) / (other + prior)) : .nan
      }
    }
  }
}

extension FeatureHistory {
  /// The texts that a feature reads; `nil` of one that reads numbers.
  fileprivate func texts(
    of feature: FeatureSpecification
  ) throws(FeatureError) -> FeatureAttribute? {
    let texts: FeatureAttribute?
    let name: String
    switch feature.kind {
    case .attribute(let attribute):
      name = attribute
      texts = attributes[attribute]
    case .holding(let held):
      name = held.rawValue
      texts = holdings[held]
    case .plain, .share, .logRatio, .logarithm: return nil
    }
    guard let texts else { throw .unknownMeasure(feature: feature.name, measure: name) }
    return texts
  }

  /// A quantity of each row.
  fileprivate func values(
    of quantity: FeatureQuantity, feature: String, rows: [PanelRow], order: [Int]
  ) throws(FeatureError) -> [Double] {
    switch quantity {
    case .count(_, let days, _), .distinct(_, let days), .activeDays(_, let days),
      .change(_, let days):
      guard days > 0 else { throw .emptyWindow(feature: feature) }
    case .slope(_, let weeks): guard weeks > 1 else { throw .emptyWindow(feature: feature) }
    case .sinceLast, .sinceFirst, .level: break
    }
    if quantity.readsState {
      guard let state = states[quantity.measure] else {
        throw .unknownMeasure(feature: feature, measure: quantity.measure)
      }
      return columns(rows, order) { level(quantity, state[$0.company], at: $0.period) }
    }
    guard let position = tallyPositions[quantity.measure] else {
      throw .unknownMeasure(feature: feature, measure: quantity.measure)
    }
    let tally = tallies[position]
    var seen = SeenSubjects(end: Int(subjectEnd))
    return columns(rows, order) { row in
      tallied(quantity, tally[row.company].cells, at: row.period, &seen)
    }
  }

  /// Whether anything of the company that the row's instant sees happened by the day that is some days
  /// before it, whatever it is a row of.
  fileprivate func hasRow(_ row: PanelRow, by days: Int) -> Bool {
    let last = asOfDays[row.period] - Int32(days)
    let visible = Int32(row.period)
    return tallies.contains { tally in
      for cell in tally[row.company].cells {
        if cell.day > last { return false }
        if cell.visible <= visible { return true }
      }
      return false
    }
  }

  /// A value of each row, computed in the given order.
  private func columns(
    _ rows: [PanelRow], _ order: [Int], _ value: (PanelRow) -> Double
  ) -> [Double] {
    var values = [Double](repeating: 0, count: rows.count)
    for row in order { values[row] = value(rows[row]) }
    return values
  }

  private func level(_ quantity: FeatureQuantity, _ settings: [Setting], at period: Int) -> Double {
    let known = asOf[period].microseconds
    let now = FeatureHistory.level(settings, effectiveBefore: known, knownBefore: known)
    guard case .change(_, let days) = quantity else { return now }
    let before = known - Int64(days) * 86_400_000_000
    return now - FeatureHistory.level(settings, effectiveBefore: before, knownBefore: known)
  }

  private static func level(
    _ settings: [Setting], effectiveBefore end: Int64, knownBefore known: Int64
  ) -> Double {
    // Settings are ordered by key and sequence, so the last one of a key that counts is its value.
    var sum = 0.0
    var key: Int32?
    var latest = 0.0
    for setting in settings {
      if setting.key != key {
        sum += latest
        latest = 0
        key = setting.key
      }
      if setting.effective < end, setting.known < known { latest = setting.value }
    }
    return sum + latest
  }

  private func tallied(
    _ quantity: FeatureQuantity, _ cells: [FeatureCells.Cell], at period: Int,
    _ seen: inout SeenSubjects
  ) -> Double {
    let end = asOfDays[period]
    let visible = Int32(period)
    /// The cells of some days that the instant sees.
    func each(_ days: Int, before: Int = 0, _ body: (FeatureCells.Cell) -> Void) {
      let last = end - Int32(before)
      let first = last - Int32(days)
      var index = FeatureHistory.position(of: first, in: cells)
      while index < cells.count, cells[index].day < last {
        if cells[index].visible <= visible { body(cells[index]) }
        index += 1
      }
    }
    switch quantity {
    case .count(_, let days, let before):
      var sum: Int64 = 0
      each(days, before: before) { sum += $0.amount }
      return Double(sum)
    case .distinct(_, let days):
      seen.begin()
      each(days) { if $0.subject >= 0 { seen.insert(Int($0.subject)) } }
      return Double(seen.count)
    case .activeDays(_, let days):
      var count = 0
      var latest: Int32 = -1
      each(days) { cell in
        if cell.day != latest { count += 1 }
        latest = cell.day
      }
      return Double(count)
    case .sinceLast(_, let cap):
      var index = FeatureHistory.position(of: end, in: cells) - 1
      while index >= 0, Int(end - cells[index].day) <= cap {
        if cells[index].visible <= visible { return Double(end - cells[index].day) }
        index -= 1
      }
      return Double(cap)
    case .sinceFirst:
      return cells.first { $0.visible <= visible }.map { Double(end - $0.day) } ?? .nan
    case .slope(_, let weeks):
      var sums = [Double](repeating: 0, count: weeks)
      each(7 * weeks) { sums[weeks - 1 - Int(end - 1 - $0.day) / 7] += Double($0.amount) }
      let middle = Double(weeks - 1) / 2
      var product = 0.0
      var square = 0.0
      for week in 0..<weeks {
        product += (Double(week) - middle) * sums[week]
        square += (Double(week) - middle) * (Double(week) - middle)
      }
      return product / square
    case .level, .change: preconditionFailure("a state read as a tally")
    }
  }

  /// The position of the first cell of a day or a later one.
  private static func position(of day: Int32, in cells: [FeatureCells.Cell]) -> Int {
    var low = 0
    var high = cells.count
    while low < high {
      let middle = (low + high) / 2
      if cells[middle].day < day { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Counts different subjects, of one row after the other, without a set for each.
private struct SeenSubjects {
  /// The number of the row that saw each subject last.
  private var rows: [Int32]
  private var row: Int32 = 0
  /// How many different ones this row saw.
  private(set) var count = 0

  init(end: Int) { rows = [Int32](repeating: 0, count: end) }

  /// Begins a row.
  mutating func begin() {
    row += 1
    count = 0
  }

  mutating func insert(_ subject: Int) {
    guard rows[subject] != row else { return }
    rows[subject] = row
    count += 1
  }
}
