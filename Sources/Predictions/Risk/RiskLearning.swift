import AlmanacCore
import Regression

/// The fits of one learning: each window's and that of all rows, with what they share.
///
/// Fits do not depend on each other, and each sees only what was known when its window begins.
struct RiskLearning: Sendable {
  private let recipe: RiskRecipe
  private let data: RiskRows
  /// The rows whose outcome is known now.
  private let known: [Int]
  /// The months of each window.
  private let windows: [[Int]]
  /// The order of each column of numbers, of which every fit needs a part.
  private let orders: [String: ColumnOrder]

  private static let target = "the outcome"

  /// Prepares the fits of rows.
  ///
  /// - Parameters:
  ///   - recipe: how they are fitted.
  ///   - data: the rows.
  ///   - known: those whose outcome is known now.
  ///   - windows: the months of each window, ascending.
  /// - Complexity: O(n) for each column.
  init(_ recipe: RiskRecipe, _ data: RiskRows, known: [Int], windows: [[Int]]) {
    self.recipe = recipe
    self.data = data
    self.known = known
    self.windows = windows
    // What is known when a window begins is known when later ones do, and now.
    var since = [UInt16](repeating: ColumnOrder.never, count: data.rows.count)
    for row in known { since[row] = UInt16(windows.count) }
    for (number, window) in windows.enumerated().reversed() {
      for row in data.known(by: data.asOf[window[0]]) { since[row] = UInt16(number) }
    }
    let parts = since
    let names = data.table.names.filter { name in
      if case .numbers? = data.table[name] { return true }
      return false
    }
    let found = inParallel(names.count, within: recipe.limits) { index in
      ColumnOrder(
        data.table[names[index]]?.numbers ?? [], since: parts, outcomes: data.outcomes)
    }
    orders = Dictionary(uniqueKeysWithValues: zip(names, found))
  }

  // MARK: Windows

  /// One month that a fit judges.
  struct Month: Sendable {
    /// The rows that are judged.
    var rows: [Int]
    /// Their raw log-odds.
    var raw: [Double] = []
    /// Their log-odds by the one feature that orders the training rows best.
    var simple: [Double] = []
    /// The rows that the intercept follows at its end, and their raw log-odds.
    var latest: [Int]
    var latestRaw: [Double] = []
    /// The rate of the last month known at its end, by segment.
    var rates: [Int: Double]
  }

  /// What the fit of a window says.
  struct Window: Sendable {
    /// The instant at which it begins: what was not known by it was not learned.
    var opening: Timestamp
    /// The share of yes among the training rows.
    var base: Double
    /// Its months.
    var months: [Month]
  }

  /// What all rows say.
  struct Whole: Sendable {
    /// The fit, with errors clustered by company.
    var fit: RiskFit
    /// The features it has.
    var features: [String]
    /// The rows that the intercept follows now, and their raw log-odds.
    var latest: [Int]
    var latestRaw: [Double]
  }

  /// Fits each window and all rows.
  ///
  /// - Returns: what each window's fit says, `nil` for one before which too little was known, and the fit
  ///   of all rows.
  /// - Throws: what a fit throws.
  func fits() throws(RegressionError) -> (windows: [Window?], whole: Whole?) {
    var members = [[Int]](repeating: [], count: data.asOf.count)
    for row in known { members[data.rows[row].period].append(row) }
    let rowsOf = members
    let limits = recipe.limits.fitting(
      windows.map { memory(ofRows: data.known(by: data.asOf[$0[0]]).count) }
        + [memory(ofRows: known.count)])
    // Fewer fits beside each other have more threads each.
    let jobs = max(1, recipe.limits.jobs / limits.jobs)
    // That of all rows takes longest and goes first.
    let fits = try inParallel(windows.count + 1, within: limits, largestLast: true) {
      (index) throws(RegressionError) -> (Window?, Whole?) in
      index < windows.count ? (try window(index, rowsOf, jobs), nil) : (nil, try whole(jobs))
    }
    return (fits.dropLast().map(\.0), fits.last?.1)
  }

  /// About the bytes that a fit to so many rows takes at its most: the rows' values, these in order, a
  /// design and what is made of it.
  func memory(ofRows count: Int) -> Int {
    let columns = data.table.names.reduce(0) { sum, name in
      if case .texts(_, let levels)? = data.table[name] {
        return sum + min(levels.count, CategoryPooling.maximumLevels) + 1
      }
      return sum + 2
    }
    let copies = data.groups == nil ? 2 : 4
    return 8 * count * (3 * data.table.names.count + copies * columns)
  }

  private func window(
    _ number: Int, _ members: [[Int]], _ jobs: Int
  ) throws(RegressionError) -> Window? {
    let periods = windows[number]
    let opening = data.asOf[periods[0]]
    let training = data.known(by: opening)
    let events = data.events(training)
    // Both outcomes are needed to learn, and so are features.
    guard min(events, training.count - events) >= recipe.neededJudgedEvents else { return nil }
    let features = usable(training)
    guard !features.isEmpty else { return nil }
    let base = Double(events) / Double(training.count)
    var months = periods.map { period -> Month in
      let known = data.known(by: data.asOf[period])
      return Month(
        rows: members[period], latest: recipe.latest(data, known),
        rates: recipe.segmentRates(data, known, base: base))
    }
    let chosen = part(number, training)
    let fit = try pooled(chosen, features, detail: .nothing, jobs)
    let raw = try predictor(fit, months.flatMap { $0.rows + $0.latest })
    let judged = months.flatMap(\.rows)
    let simple = try oneFeature(chosen, features, for: judged, jobs)
    var place = 0
    for index in months.indices {
      months[index].raw = months[index].rows.map { raw[$0] ?? .nan }
      months[index].latestRaw = months[index].latest.map { raw[$0] ?? .nan }
      months[index].simple = Array(simple[place..<(place + months[index].rows.count)])
      place += months[index].rows.count
    }
    return Window(opening: opening, base: base, months: months)
  }

  private func whole(_ jobs: Int) throws(RegressionError) -> Whole {
    let features = usable(known)
    let chosen = part(windows.count, known)
    var fit = try pooled(chosen, features, detail: .errors, jobs)
    fit.common.notes += leaks(chosen, features)
    fit.common = try fit.common.clusteringErrors(
      data.table.selecting(rows: known), target: known.map { data.outcomes[$0] },
      groups: known.map { data.rows[$0].company })
    let latest = recipe.latest(data, known)
    return Whole(
      fit: fit, features: features, latest: latest,
      latestRaw: try fit.linearPredictor(
        data.table.selecting(rows: latest), data.groups?.selecting(latest)))
  }

  // MARK: Fits

  /// The rows that one fit learns from.
  private struct Training {
    let rows: [Int]
    /// What they have of each column of numbers, by its name.
    let columns: [String: ColumnOrder.Part]
  }

  /// The rows known when a window begins, or now where the number is that of all windows.
  private func part(_ number: Int, _ rows: [Int]) -> Training {
    Training(rows: rows, columns: orders.mapValues { $0.part(number) })
  }

  /// The features that differ between rows.
  func usable(_ rows: [Int]) -> [String] {
    data.table.names.filter { name in
      switch data.table[name] {
      case .texts(let codes, _)?:
        guard let first = rows.first(where: { codes[$0] >= 0 }) else { return false }
        return rows.contains { codes[$0] >= 0 && codes[$0] != codes[first] }
      case .numbers(let values)?:
        // An infinite one counts as missing in a fit.
        guard let first = rows.first(where: { values[$0].isFinite }) else { return false }
        return rows.contains { values[$0].isFinite && values[$0] != values[first] }
      case nil: return false
      }
    }
  }

  /// Raw log-odds of rows, by row.
  private func predictor(
    _ fit: RiskFit, _ rows: [Int]
  ) throws(RegressionError) -> RowValues {
    let rows = RowValues.distinct(rows, rowCount: data.rows.count)
    return RowValues(
      rows,
      try fit.linearPredictor(data.table.selecting(rows: rows), data.groups?.selecting(rows)),
      rowCount: data.rows.count)
  }

  /// The fit to rows, and those of their groups that lean on it.
  private func pooled(
    _ chosen: Training, _ features: [String], detail: FitDetail, _ jobs: Int
  ) throws(RegressionError) -> RiskFit {
    let common = try fit(chosen, features, detail: detail, jobs)
    guard let groups = data.groups?.selecting(chosen.rows) else {
      return RiskFit(common: common, deviations: [:])
    }
    let found = try common.groupDeviations(
      data.table.selecting(rows: chosen.rows), target: chosen.rows.map { data.outcomes[$0] },
      groups: groups.of, count: groups.names.count, jobs: jobs)
    let present = Set(groups.of)
    return RiskFit(
      common: common,
      deviations: Dictionary(
        uniqueKeysWithValues: groups.names.indices.filter { present.contains($0) }.map {
          (groups.names[$0], found[$0])
        }))
  }

  private func fit(
    _ chosen: Training, _ names: [String], detail: FitDetail, _ jobs: Int
  ) throws(RegressionError) -> FittedModel {
    var table = Table(rowCount: chosen.rows.count)
    var ascending: [String: [Double]] = [:]
    var terms: [TermSpecification] = []
    for name in names {
      guard let column = data.table[name]?.selecting(chosen.rows) else { continue }
      table.add(name, column)
      ascending[name] = chosen.columns[name]?.ascending
      terms.append(
        TermSpecification(
          column: name, kind: data.terms[name] ?? .numeric,
          winsorises: RiskLearning.hasSpread(
            ascending[name] ?? column.numbers.filter(\.isFinite).sorted())))
    }
    table.add(RiskLearning.target, .numbers(chosen.rows.map { data.outcomes[$0] }))
    let specification = ModelSpecification(
      target: RiskLearning.target, family: .logistic, positive: "1", terms: terms,
      penalty: .fixed(recipe.penalty), interactions: false, calibrates: false)
    return try specification.fit(table, jobs: jobs, detail: detail, ascending: ascending)
  }

  /// Whether ascending numbers still differ once the outer half percent on each side is drawn in: those
  /// of something rare do not, and nothing would be left of it.
  private static func hasSpread(_ sorted: [Double]) -> Bool {
    quantile(sorted, 0.005) < quantile(sorted, 0.995)
  }

  // MARK: Leaks

  /// The area from which one feature alone says too much to have been known before (DECISIONS.md, D-478).
  private static let leakedArea = 0.99
  /// The area from which it says more than features of what comes mostly do (DECISIONS.md, D-585).
  private static let unusualArea = 0.95

  /// Warnings of features of which one alone tells the training rows with the outcome from the others
  /// nearly without error, or better than is usual, by its value or by being there at all
  /// (DECISIONS.md, D-484, D-585).
  private func leaks(_ training: Training, _ features: [String]) -> [String] {
    features.compactMap { name in
      let areas = [area(name, training), presenceArea(name, training)].compactMap(\.self)
      guard let area = areas.map({ max($0, 1 - $0) }).max(), area > RiskLearning.unusualArea
      else { return nil }
      if area > RiskLearning.leakedArea {
        return
          "feature \"\(name)\" alone tells the outcomes apart (AUC above 0.99): it may be known only "
          + "after the outcome"
      }
      return
        "feature \"\(name)\" alone tells the outcomes apart unusually well (AUC above 0.95): look "
        + "whether it was known before the outcome"
    }
  }

  /// The area under the ROC curve of training rows by whether they have a feature.
  private func presenceArea(_ name: String, _ training: Training) -> Double? {
    let isThere: (Int) -> Bool
    switch data.table[name] {
    case .texts(let codes, _)?: isThere = { codes[$0] >= 0 }
    case .numbers(let values)?: isThere = { values[$0].isFinite }
    case nil: return nil
    }
    var (yes, no) = ((there: 0.0, all: 0.0), (there: 0.0, all: 0.0))
    for row in training.rows {
      let there = isThere(row) ? 1.0 : 0
      if data.outcomes[row] == 1 {
        yes = (yes.there + there, yes.all + 1)
      } else {
        no = (no.there + there, no.all + 1)
      }
    }
    guard yes.all > 0, no.all > 0 else { return nil }
    return 0.5 + (yes.there / yes.all - no.there / no.all) / 2
  }

  // MARK: One feature

  /// The log-odds of rows by the one feature that orders the training rows best.
  private func oneFeature(
    _ training: Training, _ features: [String], for rows: [Int], _ jobs: Int
  ) throws(RegressionError) -> [Double] {
    var best: (name: String, distance: Double)?
    for name in features {
      guard let area = area(name, training) else { continue }
      if abs(area - 0.5) > best?.distance ?? -1 { best = (name, abs(area - 0.5)) }
    }
    guard let best, let column = data.table[best.name] else {
      throw .unusableRows("no feature differs")
    }
    var table = Table(rowCount: rows.count)
    table.add(best.name, column.selecting(rows))
    return try fit(training, [best.name], detail: .nothing, jobs).linearPredictor(table)
  }

  /// The area under the ROC curve of training rows by one feature; `nil` where those that have it all
  /// have the same outcome.
  ///
  /// Texts are ordered by the share of yes among the training rows with the same. Those that the fit of
  /// the feature would not tell apart have the share of all of them: one text for each company would
  /// order the rows it was found in as nothing else does.
  private func area(_ name: String, _ training: Training) -> Double? {
    if let column = training.columns[name] { return column.areaUnderROC }
    guard case .texts(let codes, let levels)? = data.table[name] else { return nil }
    var counts = [(yes: Double, rows: Double)](repeating: (0, 0), count: levels.count)
    for row in training.rows where codes[row] >= 0 {
      counts[Int(codes[row])].yes += data.outcomes[row]
      counts[Int(codes[row])].rows += 1
    }
    let told = counts.indices.filter {
      counts[$0].rows >= Double(CategoryPooling.minimumCount)
    }
    .sorted { (-counts[$0].rows, $0) < (-counts[$1].rows, $1) }
    .prefix(CategoryPooling.maximumLevels)
    let pooled = Set(counts.indices).subtracting(told).reduce(into: (yes: 0.0, rows: 0.0)) {
      $0.yes += counts[$1].yes
      $0.rows += counts[$1].rows
    }
    let groups = (told.map { counts[$0] } + [pooled]).filter { $0.rows > 0 }
    var areas: [Double: (positives: Double, negatives: Double)] = [:]
    for group in groups {
      areas[group.yes / group.rows, default: (0, 0)].positives += group.yes
      areas[group.yes / group.rows, default: (0, 0)].negatives += group.rows - group.yes
    }
    return BinaryScores.areaUnderROC(
      descending: areas.sorted { $0.key > $1.key }.map(\.value))
  }
}

/// A value of some rows of many.
private struct RowValues {
  private let places: [Int32]
  private let values: [Double]

  /// The values of distinct rows.
  init(_ rows: [Int], _ values: [Double], rowCount: Int) {
    self.values = values
    var places = [Int32](repeating: -1, count: rowCount)
    for (place, row) in rows.enumerated() { places[row] = Int32(place) }
    self.places = places
  }

  /// That of a row, if it is one of them.
  subscript(row: Int) -> Double? { places[row] < 0 ? nil : values[Int(places[row])] }

  /// Rows once each, ascending.
  static func distinct(_ rows: [Int], rowCount: Int) -> [Int] {
    var isIn = [Bool](repeating: false, count: rowCount)
    for row in rows { isIn[row] = true }
    return isIn.indices.filter { isIn[$0] }
  }
}
