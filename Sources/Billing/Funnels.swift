package import AlmanacCore

/// An ordered way that companies or users may go: an entry of `models/funnels.yaml`.
package struct FunnelDefinition: Hashable, Sendable {
  /// A step of the way.
  package struct Step: Hashable, Sendable {
    /// The step's name.
    package var name: String
    /// How long after the previous step it may come, in microseconds; `nil` for any time.
    package var window: Int64?

    /// A step.
    package init(_ name: String, window: Int64? = nil) {
      self.name = name
      self.window = window
    }
  }

  /// The funnel's name.
  package let name: String
  /// The steps; the first one is the entry.
  package let steps: [Step]
  /// How long after the entry the last step may come, in microseconds; `nil` for any time.
  package let window: Int64?
  /// Whether a subject whose passage is over may enter again (DECISIONS.md, D-420).
  package let isEnteredAgain: Bool

  /// A funnel of 2 to 64 steps.
  ///
  /// - Throws: ``BillingError/badFunnel(name:reason:)`` for other numbers of steps, for a window of
  ///   the entry, and for windows that are not positive.
  package init(
    name: String, steps: [Step], window: Int64? = nil, isEnteredAgain: Bool = false
  ) throws(BillingError) {
    guard (2...64).contains(steps.count) else {
      throw .badFunnel(name: name, reason: "it has \(steps.count) steps, and needs 2 to 64")
    }
    guard steps[0].window == nil else {
      throw .badFunnel(name: name, reason: "the first step is the entry and has no window")
    }
    guard (steps.map(\.window) + [window]).allSatisfy({ $0 ?? 1 > 0 }) else {
      throw .badFunnel(name: name, reason: "a window must be longer than nothing")
    }
    self.name = name
    self.steps = steps
    self.window = window
    self.isEnteredAgain = isEnteredAgain
  }
}

/// Something that happened to a company or user, as far as one funnel is concerned.
package struct FunnelEvent: Hashable, Sendable {
  /// The company or user that goes through the funnel.
  package var subject: UUIDValue
  /// The company it belongs to.
  package var company: UUIDValue
  /// When it happened.
  package var at: Timestamp
  /// The steps the event may be, the first in the lowest bit.
  package var steps: UInt64
  /// Whether it ends the way.
  package var isExclusion: Bool

  /// An event of the given parts.
  package init(
    subject: UUIDValue, company: UUIDValue, at: Timestamp, steps: UInt64, isExclusion: Bool = false
  ) {
    self.subject = subject
    self.company = company
    self.at = at
    self.steps = steps
    self.isExclusion = isExclusion
  }
}

/// How far one entrant came.
package struct FunnelPassage: Hashable, Sendable {
  /// What is known of the steps that were not reached.
  package enum Rest: Hashable, Sendable {
    /// They will not be: a window closed, or an exclusion came between.
    case never
    /// Nothing yet: the next step's window is open at the end of time.
    case open(after: Int64)
  }

  /// The company or user.
  package var subject: UUIDValue
  /// Its company.
  package var company: UUIDValue
  /// When it entered.
  package var enteredAt: Timestamp
  /// Microseconds from the entry to each step reached, the entry's 0 first.
  package var reached: [Int64]
  /// What is known of the steps after these.
  package var rest: Rest
}

/// Events by their subjects, those of one in the order in which they came.
///
/// Subjects are few and events many: to sort all of them by subject would move each many times.
private struct SubjectEvents {
  /// The subjects' numbers in the order of the subjects.
  let subjects: [Int]
  private let events: [FunnelEvent]
  /// The places of the events of one subject after the other, by number.
  private let places: [Int32]
  /// Where those of each subject begin in ``places``; one more for the end.
  private let starts: [Int]

  init(_ events: [FunnelEvent]) {
    var numbers: [UUIDValue: Int32] = [:]
    var names: [UUIDValue] = []
    var owners: [Int32] = []
    owners.reserveCapacity(events.count)
    for event in events {
      if let number = numbers[event.subject] {
        owners.append(number)
      } else {
        numbers[event.subject] = Int32(names.count)
        owners.append(Int32(names.count))
        names.append(event.subject)
      }
    }
    var starts = [Int](repeating: 0, count: names.count + 1)
    for owner in owners { starts[Int(owner) + 1] += 1 }
    for number in names.indices { starts[number + 1] += starts[number] }
    var next = starts
    var places = [Int32](repeating: 0, count: events.count)
    for (place, owner) in owners.enumerated() {
      places[next[Int(owner)]] = Int32(place)
      next[Int(owner)] += 1
    }
    self.events = events
    self.places = places
    self.starts = starts
    subjects = names.indices.sorted { names[$0] < names[$1] }
  }

  func events(of subject: Int) -> [FunnelEvent] {
    places[starts[subject]..<starts[subject + 1]].map { events[Int($0)] }
  }
}

extension FunnelDefinition {
  /// Follows every subject from its first entry on, or from every one (DECISIONS.md, D-169, D-420).
  ///
  /// Each step is reached at its earliest event after the previous one, if that comes within the
  /// step's window and the funnel's and no exclusion lies between.
  ///
  /// - Parameters:
  ///   - events: the events of all subjects in any order, known and deduplicated.
  ///   - end: where time ends; later events have not happened yet.
  /// - Returns: the passages by subject and time of entry; one for each subject that entered, unless
  ///   subjects enter again.
  /// - Complexity: a sort of the events of each subject, then linear in them.
  package func passages(
    of events: some Sequence<FunnelEvent>, end: Timestamp
  ) -> [FunnelPassage] {
    let known = SubjectEvents(events.filter { $0.at < end })
    var passages: [FunnelPassage] = []
    for subject in known.subjects {
      // Mostly in order already: events come by day.
      let ordered = known.events(of: subject).sorted { left, right in
        left.at != right.at ? left.at < right.at : left.company < right.company
      }
      var rest = ordered[...]
      while let (passage, over) = passage(rest, end: end) {
        passages.append(passage)
        guard isEnteredAgain, let over else { break }
        rest = rest.drop { $0.at.microseconds < over }
      }
    }
    return passages
  }

  /// The first passage of one subject from its events by time, and from when on the next one may
  /// begin, `nil` while the passage goes on; `nil` if the subject never entered.
  private func passage(
    _ events: ArraySlice<FunnelEvent>, end: Timestamp
  ) -> (passage: FunnelPassage, over: Int64?)? {
    guard let entry = events.firstIndex(where: { $0.steps & 1 == 1 }) else { return nil }
    let entered = events[entry].at
    var passage = FunnelPassage(
      subject: events[entry].subject, company: events[entry].company, enteredAt: entered,
      reached: [0], rest: .never)
    var position = entry
    var previous = entered
    for step in 1..<steps.count {
      let limits = [
        steps[step].window.map { previous.microseconds.addingReportingOverflow($0) },
        window.map { entered.microseconds.addingReportingOverflow($0) },
      ].compactMap { $0 }
      let deadline = limits.map { $0.overflow ? Int64.max : $0.partialValue }.min()
      while position < events.endIndex, events[position].at <= previous { position += 1 }
      switch search(step, events[position...], before: deadline) {
      case .reached(let index):
        position = index
        previous = events[index].at
        passage.reached.append(previous.microseconds - entered.microseconds)
      case .excluded(let at): return (passage, at.microseconds + 1)
      case .missing:
        if let deadline, deadline <= end.microseconds { return (passage, deadline) }
        passage.rest = .open(after: end.microseconds - entered.microseconds)
        return (passage, nil)
      }
    }
    return (passage, previous.microseconds + 1)
  }

  private enum Search {
    case reached(Int)
    case excluded(at: Timestamp)
    case missing
  }

  /// The first event of a step before a deadline; an exclusion of the same instant is not between.
  private func search(
    _ step: Int, _ events: ArraySlice<FunnelEvent>, before deadline: Int64?
  ) -> Search {
    var excludedAt: Timestamp?
    for index in events.indices {
      let event = events[index]
      if let deadline, event.at.microseconds >= deadline { break }
      if let excludedAt, event.at > excludedAt { return .excluded(at: excludedAt) }
      if event.steps >> UInt64(step) & 1 == 1 { return .reached(index) }
      if event.isExclusion { excludedAt = event.at }
    }
    return excludedAt.map { .excluded(at: $0) } ?? .missing
  }
}

/// A row of `funnels`: how many of a group of entrants reached a step.
package struct FunnelRow: Hashable, Sendable {
  /// The company; all-zero for all companies (D-005).
  package var company: UUIDValue
  /// The local date of entry.
  package var cohortDate: CalendarDate
  /// The step, 0 for the entry.
  package var step: Int
  /// Those who entered.
  package var entrants: Int
  /// Those who reached the step.
  package var converted: Int
  /// Those of whom it is not known yet.
  package var censored: Int
  /// The median time from entry to the step of those who reached it, in microseconds, rounded down;
  /// `nil` if nobody did.
  package var medianMicroseconds: Int64?
  /// One minus the product-limit survival at the end of the window (D-170).
  package var conversionRate: Double

  /// The plain share of those who reached the step so far.
  package var rawRate: Double { Double(converted) / Double(entrants) }

  /// What a group of entrants makes of a step; the group is not empty.
  init(
    company: UUIDValue, cohortDate: CalendarDate, step: Int, _ passages: [FunnelPassage]
  ) {
    let times = passages.compactMap { $0.reached.count > step ? $0.reached[step] : nil }.sorted()
    let open = passages.compactMap { passage -> Int64? in
      guard passage.reached.count <= step, case .open(let after) = passage.rest else { return nil }
      return after
    }
    self.company = company
    self.cohortDate = cohortDate
    self.step = step
    entrants = passages.count
    converted = times.count
    censored = open.count
    let middle = times.count / 2
    medianMicroseconds =
      times.isEmpty
      ? nil
      : times.count % 2 == 1
        ? times[middle] : times[middle - 1] + (times[middle] - times[middle - 1]) / 2
    conversionRate =
      ProductLimit.conversion(
        converted: times, censored: open, never: passages.count - times.count - open.count) ?? 0
  }
}

extension FunnelDefinition {
  /// The rows of passages, for each company and for all, by local date of entry and step.
  package func rows(_ passages: [FunnelPassage], zones: CompanyZones) -> [FunnelRow] {
    struct Group: Hashable {
      var company: UUIDValue
      var date: CalendarDate
    }
    var groups: [Group: [FunnelPassage]] = [:]
    for passage in passages {
      let date = zones.zone(of: passage.company).localDate(at: passage.enteredAt)
      groups[Group(company: passage.company, date: date), default: []].append(passage)
      groups[Group(company: .zero, date: date), default: []].append(passage)
    }
    return groups.keys.sorted { ($0.company, $0.date) < ($1.company, $1.date) }.flatMap { group in
      steps.indices.map { step in
        FunnelRow(
          company: group.company, cohortDate: group.date, step: step, groups[group] ?? [])
      }
    }
  }
}
