import AlmanacCore
import Columns
import Testing

@Suite("ColumnBuilder")
struct ColumnBuilderTests {
  @Test("gives back what it was given", arguments: everyType, UInt64(0)..<8)
  func roundTrip(type: ColumnType, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let given = randomValues(
      type, count: [0, 1, 64, 300][Int(seed % 4)], nulls: seed < 4, using: &random)
    let built = column("c", type, given)
    #expect(values(built) == given)
    #expect(built.nullCount == given.count { $0 == nil })
    #expect(built.storage.fits(type))
    #expect((built.validity == nil) == !given.contains(nil))
  }

  @Test("nulls before the first value and after the last")
  func nullsAround() {
    let given: [ColumnValue?] = [nil, nil, .text("x"), nil]
    #expect(values(column("c", .text, given)) == given)
    #expect(values(column("c", .text, [nil, nil])) == [nil, nil])
  }

  @Test("texts and identifiers share entries while values repeat")
  func dictionary() throws {
    let texts = column("c", .text, [.text("a"), .text("b"), .text("a")])
    guard case .text(let storage) = texts.storage else { throw Mismatch() }
    #expect(storage.codes == [0, 1, 0] && storage.entryCount == 2)
    let identifiers = column("c", .uuid, [.uuid(.zero), .uuid(.zero)])
    guard case .uuid(let storage) = identifiers.storage else { throw Mismatch() }
    #expect(storage.codes == [0, 0] && storage.values == [.zero])
  }

  @Test("a dictionary that does not pay becomes plain just above its limit")
  func switchToPlain() throws {
    let limit = ColumnBuilder.maximumDictionaryEntries
    var texts = ColumnBuilder(Field("c", .text, isNullable: true))
    var identifiers = ColumnBuilder(Field("c", .uuid, isNullable: true))
    texts.appendNull()
    identifiers.appendNull()
    for number in 0..<limit {
      texts.append(String(number))
      identifiers.append(UUIDValue(high: 1, low: UInt64(number)))
    }
    guard case .text(let below) = texts.finish().storage,
      case .uuid(let belowToo) = identifiers.finish().storage
    else { throw Mismatch() }
    #expect(below.codes != nil && belowToo.codes != nil)
    for number in [limit, limit + 1] {
      texts.append(String(number))
      identifiers.append(UUIDValue(high: 1, low: UInt64(number)))
    }
    texts.append("0")
    texts.appendNull()
    identifiers.append(UUIDValue(high: 1, low: 0))
    identifiers.appendNull()
    let (textColumn, identifierColumn) = (texts.finish(), identifiers.finish())
    guard case .text(let above) = textColumn.storage,
      case .uuid(let aboveToo) = identifierColumn.storage
    else { throw Mismatch() }
    #expect(above.codes == nil && aboveToo.codes == nil)
    #expect(textColumn.rowCount == limit + 5 && identifierColumn.rowCount == limit + 5)
    for row in [0, limit + 4] {
      #expect(textColumn.value(row) == nil && identifierColumn.value(row) == nil)
    }
    for (row, number) in [
      (1, 0), (2, 1), (limit, limit - 1), (limit + 2, limit + 1), (limit + 3, 0),
    ] {
      #expect(textColumn.value(row) == .text(String(number)))
      #expect(identifierColumn.value(row) == .uuid(UUIDValue(high: 1, low: UInt64(number))))
    }
  }

  @Test("a large dictionary stays while it has at most three entries for four rows")
  func dictionaryPays() throws {
    /// Whether so many different values after so many rows of one are coded.
    func isCoded(rows: Int, entries: Int) throws -> Bool {
      var builder = ColumnBuilder(Field("c", .uuid))
      for _ in 0..<(rows - entries) { builder.append(.zero) }
      for number in 0..<entries { builder.append(UUIDValue(high: 0, low: UInt64(number))) }
      guard case .uuid(let storage) = builder.finish().storage else { throw Mismatch() }
      return storage.codes != nil
    }
    let entries = 3 * (ColumnBuilder.maximumDictionaryEntries / 3 + 1)
    #expect(try isCoded(rows: entries / 3 * 4, entries: entries))
    #expect(try !isCoded(rows: entries / 3 * 4 - 1, entries: entries))
  }

  @Test("decimals widen to 128 bits only when one does not fit 64")
  func widening() throws {
    let fitting = column(
      "c", .money, [.integer(Int128(Int64.max)), nil, .integer(Int128(Int64.min))])
    guard case .int64 = fitting.storage else { throw Mismatch() }
    let given: [ColumnValue?] = [
      .integer(-4), nil, .integer(Int128(Int64.max) + 1), nil, .integer(7),
    ]
    let wide = column("c", .money, given)
    guard case .int128(let stored) = wide.storage else { throw Mismatch() }
    #expect(values(wide) == given)
    #expect(stored[1] == 0 && stored[3] == 0)
  }

  @Test("a null in a column that has none is a programmer's mistake")
  func unexpectedNull() async {
    await #expect(processExitsWith: .failure) {
      var builder = ColumnBuilder(Field("c", .int64))
      builder.appendNull()
    }
  }

  @Test("a value of another kind is a programmer's mistake")
  func mismatch() async {
    await #expect(processExitsWith: .failure) {
      var builder = ColumnBuilder(Field("c", .int64))
      builder.append("text")
    }
  }

  @Test("a number too large for its type is a programmer's mistake")
  func tooLarge() async {
    await #expect(processExitsWith: .failure) {
      var builder = ColumnBuilder(Field("c", .int16))
      builder.append(Int64(40_000))
    }
    await #expect(processExitsWith: .failure) {
      var builder = ColumnBuilder(Field("c", .int64))
      builder.append(integer: Int128(Int64.max) + 1)
    }
  }
}

/// Storage of another kind than the test expects.
struct Mismatch: Error {}
