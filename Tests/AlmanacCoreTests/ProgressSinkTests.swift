import AlmanacCore
import Testing

@Suite("The totals of progress")
struct ProgressTotalsTests {
  private func totals(_ updates: ProgressSink.Update...) -> ProgressTotals {
    var totals = ProgressTotals()
    for update in updates { totals.add(update) }
    return totals
  }

  @Test("add up rows and bytes of all datasets")
  func sums() {
    let totals = totals(
      .init(dataset: "a", rows: 0, bytes: 0, expectedRows: 100),
      .init(dataset: "b", rows: 0, bytes: 0, expectedRows: 300),
      .init(dataset: "a", rows: 60, bytes: 5), .init(dataset: "b", rows: 40, bytes: 7))
    #expect(totals.rows == 100)
    #expect(totals.bytes == 12)
    #expect(totals.expectedRows == 400)
    #expect(totals.share == 0.25)
    #expect(totals.secondsLeft(after: 10) == 30)
  }

  @Test("have no total while that of one dataset is unknown")
  func unknown() {
    let totals = totals(
      .init(dataset: "a", rows: 5, bytes: 0, expectedRows: 100),
      .init(dataset: "b", rows: 5, bytes: 0))
    #expect(totals.expectedRows == nil)
    #expect(totals.share == nil)
    #expect(totals.secondsLeft(after: 10) == nil)
  }

  @Test("grow with what is done where the estimate was too low")
  func exceeded() {
    let totals = totals(
      .init(dataset: "a", rows: 150, bytes: 0, expectedRows: 100),
      .init(dataset: "b", rows: 0, bytes: 0, expectedRows: 50))
    #expect(totals.expectedRows == 200)
    #expect(totals.share == 0.75)
  }

  @Test("have no share of nothing")
  func nothing() {
    #expect(ProgressTotals().share == nil)
    #expect(totals(.init(dataset: "a", rows: 0, bytes: 0, expectedRows: 0)).share == nil)
  }
}
