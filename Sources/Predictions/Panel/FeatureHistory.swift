package import AlmanacCore

/// What happened to each company and when it became known, added up as far as features need.
///
/// A row of a tally is kept as an amount of its local day, its subject, and the first of the
/// panel's instants that may see it: the first one after both the happening and the recording. Rows
/// that agree in these are one cell, so a history grows with companies and days, not with rows, and
/// yet every instant sees exactly the rows that had happened and been recorded before it.
///
/// Amounts are whole numbers (counts, or money in ten-thousandths), so sums do not depend on order.
package struct FeatureHistory: Sendable {
  /// From when on a key of a state has a value.
  struct Setting: Sendable {
    var key: Int32
    var sequence: Int64
    var effective: Int64
    var known: Int64
    var value: Double

    func precedes(_ other: Setting) -> Bool { (key, sequence) < (other.key, other.sequence) }
  }

  /// The instants as of which features are wanted, ascending: starts of local days.
  package let asOf: [Timestamp]
  /// The number of companies.
  package let companyCount: Int
  /// The start of each local day from the first that counts.
  private let dayStarts: [Int64]
  /// The position of each of ``asOf`` among the days.
  let asOfDays: [Int32]
  private(set) var tallies: [[FeatureCells]]
  private(set) var states: [String: [[Setting]]]
  var attributes: [String: FeatureAttribute]
  /// What companies hold; what no feature reads need not be there.
  var holdings: [FeatureHolding: FeatureAttribute] = [:]
  /// What identifiers of what companies hold are called, for people; one without a name stands for
  /// itself.
  package var holdingNames: [String: String] = [:]
  /// What tallies are counted from, such as a dataset, by their names.
  ///
  /// A tally that is not named is taken to reach back as far as anything.
  package var sources: [String: String] = [:]
  /// The position of each tally by its name.
  let tallyPositions: [String: Int]
  /// One more than the largest number of a subject.
  private(set) var subjectEnd: Int32 = 0
  private var subjects: [UUIDValue: Int] = [:]

  /// An empty history.
  ///
  /// - Parameters:
  ///   - companyCount: the number of companies; they are named by position.
  ///   - days: the first days not known at the panel's instants (each instant is the start of one),
  ///     ascending and different.
  ///   - start: the first day whose rows count.
  ///   - zone: whose days count.
  ///   - tallies: the names of things that are counted or added up.
  ///   - states: the names of things that have a value until the next change.
  ///   - attributes: the names of what companies are said to be.
  package init(
    companyCount: Int, asOf days: [CalendarDate], from start: CalendarDate, zone: ZoneRules,
    tallies: [String], states: [String], attributes: [String] = []
  ) {
    precondition(zip(days, days.dropFirst()).allSatisfy { $0 < $1 }, "instants out of order")
    precondition((days.first ?? start) >= start, "an instant before the history begins")
    precondition(days.count <= FeatureCells.mostInstants, "too many instants")
    self.companyCount = companyCount
    let end = days.last ?? start
    precondition(start.distance(to: end) < FeatureCells.mostDays, "too many days")
    dayStarts = (start..<end.adding(days: 1)).map { zone.start(of: $0).microseconds }
    asOf = days.map { zone.start(of: $0) }
    asOfDays = days.map { Int32(start.distance(to: $0)) }
    self.tallies = tallies.map { _ in
      [FeatureCells](repeating: FeatureCells(), count: companyCount)
    }
    tallyPositions = Dictionary(uniqueKeysWithValues: tallies.enumerated().map { ($1, $0) })
    self.attributes = Dictionary(
      attributes.map { ($0, FeatureAttribute(companyCount: companyCount)) },
      uniquingKeysWith: { first, _ in first })
    self.states = Dictionary(
      uniqueKeysWithValues: states.map { ($0, [[Setting]](repeating: [], count: companyCount)) })
  }

  /// Adds a row to a tally.
  ///
  /// A row before the first day, or that no instant sees, changes nothing.
  ///
  /// - Parameters:
  ///   - tally: one of the tallies.
  ///   - company: the company's position.
  ///   - happened: when it happened.
  ///   - recorded: when it was recorded.
  ///   - subject: whose row it is, for numbers of different ones; `nil` for nobody's.
  ///   - amount: what it adds; 1 to be counted.
  package mutating func add(
    to tally: String, company: Int, happened: Timestamp, recorded: Timestamp, subject: Int? = nil,
    amount: Int64 = 1
  ) {
    add(
      toTally: position(ofTally: tally), company: company, happened: happened, recorded: recorded,
      subject: subject, amount: amount)
  }

  /// The position of a tally, for rows of which many are added.
  package func position(ofTally name: String) -> Int {
    guard let position = tallyPositions[name] else { preconditionFailure("no tally \(name)") }
    return position
  }

  /// The number of a subject that has an identifier: the same for the same one.
  package mutating func number(ofSubject identifier: UUIDValue) -> Int {
    if let known = subjects[identifier] { return known }
    let number = subjects.count
    subjects[identifier] = number
    return number
  }

  /// Adds a row to a tally given by its position; see
  /// ``add(to:company:happened:recorded:subject:amount:)``.
  package mutating func add(
    toTally tally: Int, company: Int, happened: Timestamp, recorded: Timestamp, subject: Int?,
    amount: Int64 = 1
  ) {
    guard let day = day(of: happened.microseconds),
      let visible = firstSeeing(max(happened.microseconds, recorded.microseconds))
    else { return }
    let number = subject.map { Int32($0) } ?? -1
    subjectEnd = max(subjectEnd, number + 1)
    tallies[tally][company].add(
      FeatureCells.Cell(day: day, visible: visible, subject: number, amount: amount))
  }

  /// Adds a row to a tally whose subject has an identifier; see
  /// ``add(to:company:happened:recorded:subject:amount:)``.
  package mutating func add(
    to tally: String, company: Int, happened: Timestamp, recorded: Timestamp, subject: UUIDValue?,
    amount: Int64 = 1
  ) {
    var number: Int?
    if let subject { number = self.number(ofSubject: subject) }
    add(
      to: tally, company: company, happened: happened, recorded: recorded, subject: number,
      amount: amount)
  }

  /// Sets the value of a key of a state from an instant on.
  ///
  /// At T the value of a key is that of the change with the largest sequence among those that are in
  /// effect and recorded before T.
  package mutating func set(
    _ state: String, company: Int, key: Int, sequence: Int64, effective: Timestamp,
    recorded: Timestamp, value: Double
  ) {
    guard let index = states.index(forKey: state) else { preconditionFailure("no state \(state)") }
    states.values[index][company].append(
      Setting(
        key: Int32(key), sequence: sequence, effective: effective.microseconds,
        known: recorded.microseconds, value: value))
  }

  /// Brings cells and settings into order; needed before features are read.
  mutating func seal() {
    for tally in tallies.indices {
      for company in 0..<companyCount { tallies[tally][company].seal() }
    }
    for state in states.values.indices {
      for company in 0..<companyCount {
        let isOrdered = zip(
          states.values[state][company], states.values[state][company].dropFirst()
        ).allSatisfy { !$1.precedes($0) }
        // The sort is stable: of two settings of one sequence the later one counts.
        if !isOrdered { states.values[state][company].sort { $0.precedes($1) } }
      }
    }
  }

  /// The first day of which each instant sees a row, of any company, of what a tally is counted from.
  ///
  /// It is past every day where an instant sees none; all is `nil` where nothing says what that is.
  ///
  /// - Complexity: linear in the cells of all of its tallies at most.
  func firstDays(ofTally name: String) -> [Int32]? {
    guard let source = sources[name] else { return nil }
    var first = [Int32](repeating: .max, count: asOf.count)
    for (other, position) in tallyPositions where sources[other] == source {
      for cells in tallies[position] {
        for cell in cells.cells {
          // Later days of the company are no news to any instant.
          if cell.day >= first[0] { break }
          let visible = Int(cell.visible)
          first[visible] = min(first[visible], cell.day)
        }
      }
    }
    for period in first.indices.dropFirst() {
      first[period] = min(first[period], first[period - 1])
    }
    return first
  }

  /// The local day of an instant; `nil` before the first one and after the last instant.
  private func day(of instant: Int64) -> Int32? {
    guard let first = dayStarts.first, instant >= first, instant < (asOf.last?.microseconds ?? 0)
    else { return nil }
    // Days are about 24 hours long, so the guess is at most one off but for changes of a zone.
    var guess = min(Int((instant - first) / 86_400_000_000), dayStarts.count - 1)
    while dayStarts[guess] > instant { guess -= 1 }
    while guess + 1 < dayStarts.count, dayStarts[guess + 1] <= instant { guess += 1 }
    return Int32(guess)
  }

  /// The position of the first instant after a given one.
  private func firstSeeing(_ instant: Int64) -> Int32? {
    var low = 0
    var high = asOf.count
    while low < high {
      let middle = (low + high) / 2
      if asOf[middle].microseconds <= instant { low = middle + 1 } else { high = middle }
    }
    return low == asOf.count ? nil : Int32(low)
  }
}
