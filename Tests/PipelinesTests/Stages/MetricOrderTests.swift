import AlmanacCore
import Billing
import TestSupport
import Testing

@testable import Pipelines

@Suite("The order of rows of metrics")
struct MetricOrderTests {
  @Test("is that of the tables' key, whatever the order they come in", arguments: UInt64(0)..<20)
  func order(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var rows: [MetricTableRow] = []
    for company in 0..<4 as Range<UInt64> {
      for name in ["mrr", "mrr_new", "active users of a long name"] {
        for (dimension, member) in [("", ""), ("plan", "a"), ("plan", "b"), ("segment", "a")] {
          for day in 0..<3 {
            // Companies whose first halves are the same, too.
            rows.append(
              MetricTableRow(
                company: UUIDValue(high: company / 2, low: company % 2), name: name,
                dimension: dimension, member: member,
                date: CalendarDate(daysSinceEpoch: Int32(20_000 + day)), value: 1, numerator: 1,
                unit: .count))
          }
        }
      }
    }
    let mixed = rows.shuffled(using: &random)
    func key(_ row: MetricTableRow) -> [String] {
      [row.company.description, row.name, row.dimension, row.member, row.date.description]
    }
    let found = MetricTableRow.order(of: mixed).map { mixed[$0] }
    let expected = mixed.sorted { key($0).lexicographicallyPrecedes(key($1)) }
    #expect(found == expected, "seed \(seed)")
    #expect(MetricTableRow.order(of: []).isEmpty)
  }
}
