import AlmanacCore
import Billing
import Files
import Simulation
import Testing

/// The rules of a zone as the tests' system has them.
func systemZone(_ name: String) -> ZoneRules? {
  (try? FileSystem.read("/usr/share/zoneinfo/\(name)")).flatMap { ZoneRules(name: name, file: $0) }
}

/// A world that ends on 2025-06-30 unless said otherwise.
func world(
  companies: Int, months: Int, seed: UInt64 = 1, kind: WorldKind = .logistic,
  end: String = "2025-06-30"
) throws -> World {
  let end = try #require(CalendarDate(end))
  return try World(
    WorldSettings(companies: companies, months: months, seed: seed, kind: kind, end: end),
    zone: systemZone)
}

/// The companies of a world without the events of daily use.
func records(of world: World) -> [CompanyRecord] {
  (0..<world.companyCount).map { world.company($0, includesUse: false) }
}

/// When a subscription is paid for, from its changes alone: the change each span begins with, and
/// where it ends, which may be planned only; `Int64.max` where no end is known.
func paidSpans(_ changes: [ChangeRow]) -> [(begin: ChangeRow, end: Int64)] {
  let begins: [ChangeKind] = [.new, .trialConvert, .reactivate, .resume]
  return changes.filter { begins.contains($0.change) }.map { begin in
    let ends = changes.filter { change in
      guard change.sequence > begin.sequence else { return false }
      if change.change == .pause { return true }
      let isWithdrawn = changes.contains {
        $0.change == .cancelWithdrawn && $0.sequence > change.sequence
          && $0.effectiveAt < change.effectiveAt
      }
      return change.change == .cancel && !isWithdrawn
    }
    return (begin, ends.map(\.effectiveAt).min() ?? .max)
  }
}

/// The probability that a yes gets a higher number than a no, ties counting half: the AUC, by
/// ranks.
func rocAUC(_ pairs: [(score: Double, isYes: Bool)]) -> Double {
  let ordered = pairs.sorted { $0.score < $1.score }
  var rankSum = 0.0
  var index = 0
  while index < ordered.count {
    var next = index
    while next < ordered.count, ordered[next].score == ordered[index].score { next += 1 }
    let rank = Double(index + next + 1) / 2
    rankSum += rank * Double(ordered[index..<next].count { $0.isYes })
    index = next
  }
  let yes = Double(ordered.count { $0.isYes })
  let no = Double(ordered.count) - yes
  return (rankSum - yes * (yes + 1) / 2) / (yes * no)
}
