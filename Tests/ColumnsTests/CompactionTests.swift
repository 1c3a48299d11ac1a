import AlmanacCore
import Columns
import Testing

@Suite("Compaction")
struct CompactionTests {
  private func identifiers(_ numbers: [UInt64?], isCoded: Bool) -> Column {
    let field = Field("id", .uuid, isNullable: true)
    var validity = ValidityBitmap(repeating: false, count: 0)
    for number in numbers { validity.append(number != nil) }
    let values = numbers.map { number in number.map { UUIDValue(high: 7, low: $0) } ?? .zero }
    // A dictionary in another order than the rows, with entries that no row uses.
    let entries = Array(Set(values).union([UUIDValue(high: 9, low: 9)])).sorted(by: >)
    let storage =
      isCoded
      ? UUIDStorage(
        values: entries, codes: values.map { UInt32(entries.firstIndex(of: $0) ?? 0) })
      : UUIDStorage(values: values)
    return Column(field, .uuid(storage), validity: validity)
  }

  @Test(
    "keeps every value, and gives equal rows equal storage however they were stored",
    arguments: 0..<64 as Range<UInt64>)
  func canonical(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let distinct = UInt64.random(in: 1...200, using: &random)
    let numbers = (0..<Int.random(in: 0...200, using: &random)).map { _ in
      UInt8.random(in: 0...9, using: &random) == 0
        ? nil : UInt64.random(in: 0..<distinct, using: &random)
    }
    let plain = Batch([identifiers(numbers, isCoded: false)])
    let coded = Batch([identifiers(numbers, isCoded: true)])
    #expect(plain.compacted() == coded.compacted())
    for row in numbers.indices {
      #expect(plain.compacted().columns[0].value(row) == plain.columns[0].value(row))
    }
  }

  @Test("gives identifiers a dictionary only where they repeat")
  func onlyWhereItPays() {
    func isCoded(_ numbers: [UInt64]) -> Bool {
      let batch = Batch([identifiers(numbers, isCoded: false)]).compacted()
      if case .uuid(let values) = batch.columns[0].storage { return values.codes != nil }
      return false
    }
    #expect(isCoded([1, 2, 1, 2]))
    #expect(isCoded([1, 2, 3, 1]))
    #expect(!isCoded([1, 2, 3, 4, 1]))
    #expect(!isCoded([1, 2, 3, 4]))
  }

  @Test("gives the elements of lists a dictionary where they repeat, and keeps the lists")
  func lists() throws {
    let (a, b) = (UUIDValue(high: 0, low: 1), UUIDValue(high: 0, low: 2))
    let given: [[UUIDValue]?] = [[b, a], nil, [], [a], [b, b]]
    let built = Batch([column("c", .uuidList, given.map { $0.map { .uuids($0) } })])
    for batch in [built, Batch([plain(built.columns[0])])] {
      let compacted = batch.compacted().columns[0]
      #expect(values(compacted) == values(built.columns[0]))
      guard case .uuidList(let lists) = compacted.storage else { throw Mismatch() }
      #expect(lists.elements == UUIDStorage(values: [b, a], codes: [0, 1, 1, 0, 0]))
      #expect(lists.offsets == [0, 2, 2, 2, 3, 5])
    }
  }
}
