import AlmanacCore
import Testing

@Suite("Counted things")
struct CountedTests {
  @Test(
    "have an s unless there is one", arguments: [(0, "0 rows"), (1, "1 row"), (2_000, "2000 rows")])
  func nouns(count: Int, text: String) {
    #expect(counted(count, "row") == text)
  }
}
