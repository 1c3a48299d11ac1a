import AlmanacCore
import Columns
import Testing

@Suite("Batches and their rows")
struct BatchTests {
  /// A batch with a column of each type.
  private func randomBatch(_ count: Int, seed: UInt64, using random: inout SplitMix64) -> Batch {
    Batch(
      everyType.enumerated().map { index, type in
        let given = randomValues(type, count: count, nulls: index % 3 != 2, using: &random)
        let built = column("c\(index)", type, given)
        return seed % 3 == 0 && index % 2 == 0 ? plain(built) : built
      }, rowCount: count)
  }

  private func rows(_ batch: Batch) -> [[ColumnValue?]] {
    (0..<batch.rowCount).map { row in batch.columns.map { $0.value(row) } }
  }

  @Test("taking gives the rows asked for, in the order asked for", arguments: UInt64(0)..<60)
  func taking(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let batch = randomBatch(Int.random(in: 1...150, using: &random), seed: seed, using: &random)
    let wanted = (0..<Int.random(in: 0...200, using: &random)).map { _ in
      Int.random(in: 0..<batch.rowCount, using: &random)
    }
    let all = rows(batch)
    #expect(rows(batch.taking(wanted)) == wanted.map { all[$0] })
    #expect(batch.taking(wanted).fields == batch.fields)
    #expect(batch.taking(Array(0..<batch.rowCount)) == batch)
  }

  @Test("concatenating gives the rows of one batch after the other", arguments: UInt64(0)..<60)
  func concatenating(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let parts = (0..<Int.random(in: 1...5, using: &random)).map { part in
      randomBatch(
        Int.random(in: 0...140, using: &random), seed: seed &+ UInt64(part), using: &random)
    }
    #expect(rows(Batch.concatenating(parts)) == parts.flatMap(rows))
  }

  @Test("cutting a built batch and concatenating the parts restores it", arguments: UInt64(0)..<60)
  func cutAndJoin(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let batch = randomBatch(130, seed: 1, using: &random)
    let cut = Int.random(in: 0...130, using: &random)
    let parts = [batch.taking(Array(0..<cut)), batch.taking(Array(cut..<130))]
    #expect(Batch.concatenating(parts) == batch)
  }

  @Test("merged dictionaries hold each entry once, in order of first appearance")
  func mergedDictionary() throws {
    let joined = Batch.concatenating([
      Batch([column("c", .text, [.text("b"), .text("a")])]),
      Batch([column("c", .text, [nil, .text("a"), .text("c")])]),
    ])
    guard case .text(let storage) = joined.columns[0].storage else { throw Mismatch() }
    #expect(storage.codes == [0, 1, 0, 1, 2])
    #expect((0..<3).map { String(decoding: storage.entry($0), as: UTF8.self) } == ["b", "a", "c"])
  }

  @Test("a part of nothing but nulls has no dictionary to look into")
  func allNull() {
    let joined = Batch.concatenating([
      Batch([column("c", .uuid, [nil, nil])]), Batch([column("c", .uuid, [.uuid(.zero)])]),
    ])
    #expect(values(joined.columns[0]) == [nil, nil, .uuid(.zero)])
  }

  @Test("a merged dictionary that does not pay becomes plain")
  func mergedToPlain() throws {
    let count = UInt64(40_000)
    let parts = [UInt64(0), 1].map { high in
      Batch([
        column("c", .uuid, (0..<count).map { .uuid(UUIDValue(high: high, low: $0)) }),
        column("t", .text, [nil] + (1..<count).map { .text("\(high) \($0)") }),
      ])
    }
    let joined = Batch.concatenating(parts)
    guard case .uuid(let identifiers) = joined.columns[0].storage,
      case .text(let texts) = joined.columns[1].storage
    else { throw Mismatch() }
    #expect(identifiers.codes == nil && texts.codes == nil)
    #expect(values(joined.columns[0]) == parts.flatMap { values($0.columns[0]) })
    #expect(values(joined.columns[1]) == parts.flatMap { values($0.columns[1]) })
  }

  @Test("ordering equals a stable sort of the values", arguments: UInt64(0)..<120)
  func order(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let batch = randomBatch(Int.random(in: 0...200, using: &random), seed: seed, using: &random)
    let names = Array(batch.fields.map(\.name).shuffled(using: &random).prefix(3))
    let keys = names.compactMap { batch[$0] }.map(values)
    let expected = (0..<batch.rowCount).sorted { left, right in
      for key in keys where key[left] != key[right] {
        guard let leftValue = key[left] else { return false }
        guard let rightValue = key[right] else { return true }
        return leftValue < rightValue
      }
      return left < right
    }
    #expect(batch.order(by: names) == expected, "by \(names)")
  }

  @Test("nulls come after the largest value, and NaN before nulls")
  func orderOfNulls() {
    let instants = Batch([
      column("t", .timestamp, [nil, .timestamp(Timestamp(microseconds: .max)), nil])
    ])
    #expect(instants.order(by: ["t"]) == [1, 0, 2])
    let numbers = Batch([
      column("n", .float64, [nil, .float(.nan), .float(.infinity), .float(0), .float(-0.0)])
    ])
    #expect(numbers.order(by: ["n"]) == [3, 4, 2, 1, 0])
  }

  @Test("without columns to order by the rows stay")
  func orderByNothing() {
    #expect(Batch([column("c", .bool, [.bool(true), .bool(false)])]).order(by: []) == [0, 1])
  }

  @Test("selects columns by name, all or none")
  func selecting() {
    let batch = Batch([column("a", .bool, [nil]), column("b", .bool, [nil])])
    #expect(batch.selecting(["b", "a"])?.fields.map(\.name) == ["b", "a"])
    #expect(batch.selecting(["a", "x"]) == nil)
    #expect(batch.selecting([])?.rowCount == 1)
  }

  @Test("columns of different lengths are a programmer's mistake")
  func lengths() async {
    await #expect(processExitsWith: .failure) {
      _ = Batch([column("a", .bool, [nil]), column("b", .bool, [])])
    }
  }

  @Test("two columns of one name are a programmer's mistake")
  func names() async {
    await #expect(processExitsWith: .failure) {
      _ = Batch([column("a", .bool, [nil]), column("a", .int64, [nil])])
    }
  }

  @Test("batches of different fields are not joined")
  func differentFields() async {
    await #expect(processExitsWith: .failure) {
      _ = Batch.concatenating([
        Batch([column("a", .bool, [nil])]), Batch([column("a", .int64, [nil])]),
      ])
    }
  }

  @Test("storage that does not fit the type is a programmer's mistake")
  func storage() async {
    await #expect(processExitsWith: .failure) {
      _ = Column(Field("a", .date), .int64([1]))
    }
    await #expect(processExitsWith: .failure) {
      _ = Column(
        Field("a", .int64), .int64([1]), validity: ValidityBitmap(repeating: true, count: 2))
    }
  }
}

@Suite("ValidityBitmap")
struct ValidityBitmapTests {
  @Test("equals an array of booleans under random changes", arguments: UInt64(0)..<60)
  func model(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let start = Int.random(in: 0...130, using: &random)
    let value = random.next() % 2 == 0
    var bits = ValidityBitmap(repeating: value, count: start)
    var model = [Bool](repeating: value, count: start)
    for _ in 0..<60 {
      switch random.next() % 3 {
      case 0:
        let next = random.next() % 2 == 0
        bits.append(next)
        model.append(next)
      case 1 where !model.isEmpty:
        let row = Int.random(in: 0..<model.count, using: &random)
        bits[row].toggle()
        model[row].toggle()
      default:
        var other = ValidityBitmap(repeating: true, count: 0)
        for _ in 0..<Int.random(in: 0...150, using: &random) {
          let next = random.next() % 2 == 0
          other.append(next)
          model.append(next)
        }
        bits.append(contentsOf: other)
      }
    }
    #expect(bits.count == model.count)
    #expect((0..<bits.count).map { bits[$0] } == model)
    #expect(bits.nullCount == model.count { !$0 })
    var rebuilt = ValidityBitmap(repeating: true, count: 0)
    for bit in model { rebuilt.append(bit) }
    #expect(rebuilt == bits, "bits past the count are zero")
  }

  @Test("a row past the end is a programmer's mistake")
  func bounds() async {
    await #expect(processExitsWith: .failure) {
      _ = ValidityBitmap(repeating: true, count: 64)[64]
    }
  }
}
