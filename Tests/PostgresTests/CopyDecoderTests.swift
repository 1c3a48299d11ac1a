import AlmanacCore
import Columns
import Postgres
import TestSupport
import Testing

/// The batches of a stream handed over in chunks of the given sizes, the last one taking the rest.
func decode(
  _ bytes: [UInt8], _ fields: [Field], wireTypes: [WireType]? = nil, key: [String] = [],
  rowsPerBatch: Int = 65_536, chunks: [Int] = []
) throws(PostgresError) -> [Batch] {
  var decoder = try CopyDecoder(
    fields: fields, wireTypes: wireTypes, source: "app.events", key: key,
    rowsPerBatch: rowsPerBatch)
  var batches: [Batch] = []
  var start = 0
  for size in chunks + [bytes.count] {
    let end = min(bytes.count, start + size)
    try decoder.consume(bytes[start..<end])
    while let batch = decoder.nextBatch() { batches.append(batch) }
    start = end
  }
  try decoder.finish()
  while let batch = decoder.nextBatch() { batches.append(batch) }
  return batches
}

/// A stream of hand-made rows; `nil` is null.
func stream(_ rows: [[[UInt8]?]]) -> [UInt8] {
  var bytes = CopyEncoder.header
  for row in rows {
    bytes += bigEndian(Int16(row.count))
    for value in row { bytes += bigEndian(Int32(value?.count ?? -1)) + (value ?? []) }
  }
  return bytes + CopyEncoder.trailer
}

/// The bytes of a number, most significant first.
func bigEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  (0..<(Value.bitWidth / 8)).reversed().map { UInt8(truncatingIfNeeded: value >> Value($0 * 8)) }
}

/// Fields of every type, nullable and not.
let everyField: [Field] = [
  .bool, .int16, .int32, .int64, .float32, .float64, .decimal(scale: 0), .money,
  .decimal(scale: 10), .decimal(scale: 21), .text, .json, .bytes, .uuid, .uuidList, .date,
  .timestamp,
].enumerated().flatMap { index, type in
  [Field("required_\(index)", type), Field("optional_\(index)", type, isNullable: true)]
}

@Suite("CopyDecoder and CopyEncoder")
struct CopyDecoderTests {
  @Test("gives back what was encoded", arguments: UInt64(0)..<48)
  func roundTrip(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let fields = Array(
      everyField.shuffled(using: &generator).prefix(Int.random(in: 1...12, using: &generator)))
    let rows = Int.random(in: 0...300, using: &generator)
    let batch = randomBatch(fields, rows: rows, using: &generator)
    let bytes = try CopyEncoder(fields: fields, table: "t").encode(batch)
    let decoded = try decode(bytes, fields, rowsPerBatch: 64)
    #expect(decoded.map(\.rowCount).reduce(0, +) == rows)
    #expect(decoded.dropLast().allSatisfy { $0.rowCount == 64 })
    #expect(decoded.allSatisfy { $0.fields == fields })
    #expect(firstDifference(decoded.flatMap(\.rowValues), batch.rowValues) == nil)
  }

  @Test("gives the same batches whichever byte a chunk ends at")
  func everySplit() throws {
    var generator = SplitMix64(seed: 3)
    let batch = randomBatch(everyField, rows: 5, using: &generator)
    let bytes = try CopyEncoder(fields: everyField, table: "t").encode(batch)
    let whole = try decode(bytes, everyField, rowsPerBatch: 2)
    #expect(firstDifference(whole.flatMap(\.rowValues), batch.rowValues) == nil)
    for split in 0...bytes.count {
      #expect(try decode(bytes, everyField, rowsPerBatch: 2, chunks: [split]) == whole, "\(split)")
    }
    let single = [Int](repeating: 1, count: bytes.count)
    #expect(try decode(bytes, everyField, rowsPerBatch: 2, chunks: single) == whole)
  }

  @Test("gives the same batches for random chunks", arguments: UInt64(0)..<16)
  func randomSplits(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let batch = randomBatch(everyField, rows: 400, using: &generator)
    let bytes = try CopyEncoder(fields: everyField, table: "t").encode(batch)
    let largest = [3, 100, 2000, 30_000][Int(seed % 4)]
    let chunks = (0..<(bytes.count / largest * 2)).map { _ in
      Int.random(in: 0...largest, using: &generator)
    }
    let whole = try decode(bytes, everyField, rowsPerBatch: 150)
    #expect(try decode(bytes, everyField, rowsPerBatch: 150, chunks: chunks) == whole)
  }

  @Test("gives rows or an error for damaged streams, never a trap", arguments: UInt64(0)..<300)
  func mutations(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let fields = Array(everyField.shuffled(using: &generator).prefix(6))
    let batch = randomBatch(fields, rows: 20, using: &generator)
    var bytes = try CopyEncoder(fields: fields, table: "t").encode(batch)
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let position = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[position] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
      case 2: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: position)
      case 3: bytes.remove(at: position)
      case 4: bytes.removeLast(Int.random(in: 0..<10, using: &generator))
      default: bytes.append(0)
      }
      if bytes.isEmpty { bytes = [0] }
    }
    // Whatever comes out, it may not depend on the chunks.
    let chunks = (0..<50).map { _ in Int.random(in: 0...40, using: &generator) }
    func outcome(_ chunks: [Int]) -> Result<[Batch], PostgresError> {
      do throws(PostgresError) {
        return .success(try decode(bytes, fields, rowsPerBatch: 7, chunks: chunks))
      } catch {
        return .failure(error)
      }
    }
    #expect(sameOutcome(outcome([]), outcome(chunks)))
  }

  /// Whether two outcomes are the same error, or batches of the same values; NaN equals itself.
  private func sameOutcome(
    _ left: Result<[Batch], PostgresError>, _ right: Result<[Batch], PostgresError>
  ) -> Bool {
    switch (left, right) {
    case (.failure(let left), .failure(let right)): left == right
    case (.success(let left), .success(let right)):
      left.map { "\($0.rowValues)" } == right.map { "\($0.rowValues)" }
    default: false
    }
  }

  @Test("takes random bytes behind a header for rows or an error", arguments: UInt64(0)..<100)
  func noise(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let fields = [Field("a", .money, isNullable: true), Field("b", .text, isNullable: true)]
    let bytes =
      CopyEncoder.header
      + (0..<200).map { _ in
        [0, 2, 0xFF, UInt8.random(in: 0...255, using: &generator)].randomElement(using: &generator)
          ?? 0
      }
    // Without an end marker in the right place there can be no success.
    #expect(throws: PostgresError.self) { try decode(bytes, fields) }
  }

  @Test("does not allocate what a length announces")
  func announcedLength() {
    let fields = [Field("a", .bytes)]
    let bytes = CopyEncoder.header + [0, 1] + bigEndian(Int32(0x3FFF_FFFF)) + [1, 2, 3]
    #expect(throws: PostgresError.malformedCopy(source: "app.events", row: 1, problem: .truncated))
    {
      try decode(bytes, fields)
    }
  }

  @Test(
    "names the damage of a stream",
    arguments: [
      ([0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 1] + .zeros(8), .signature),
      (Array(CopyEncoder.header.prefix(11)) + [0, 1, 0, 0, 0, 0, 0, 0], .flags),
      (Array(CopyEncoder.header.prefix(15)) + [0xFF, 0, 0, 0], .length),
      (CopyEncoder.header + [0, 1, 0xFF, 0xFF, 0xFF, 0xFE], .length),
      (CopyEncoder.header + [0, 1, 0x7F, 0xFF, 0xFF, 0xFF], .length),
      (CopyEncoder.header + [0, 2, 0, 0], .fieldCount(expected: 1, found: 2)),
      (CopyEncoder.header + [0, 1, 0, 0, 0, 1, 0], .truncated),
      (CopyEncoder.header, .truncated), ([], .truncated),
      (CopyEncoder.header + [0xFF, 0xFF, 0], .trailingBytes),
    ] as [([UInt8], CopyProblem)])
  func damage(bytes: [UInt8], problem: CopyProblem) {
    let row = bytes == CopyEncoder.header + [0, 1, 0, 0, 0, 1, 0] ? 2 : 1
    #expect(throws: PostgresError.malformedCopy(source: "app.events", row: row, problem: problem)) {
      try decode(bytes, [Field("flag", .bool)])
    }
  }

  @Test("skips the header's extension, wherever it is cut", arguments: 0..<30)
  func headerExtension(split: Int) throws {
    let bytes =
      CopyEncoder.header.prefix(18) + [5, 9, 9, 9, 9, 9] + stream([[[1]]]).dropFirst(19)
    let batches = try decode(Array(bytes), [Field("flag", .bool)], chunks: [split])
    #expect(batches.map(\.rowValues) == [[[.bool(true)]]])
  }

  @Test("throws the same error again after a failure")
  func failureStays() throws {
    var decoder = try CopyDecoder(fields: [Field("flag", .bool)], source: "t")
    let error = PostgresError.malformedCopy(source: "t", row: 1, problem: .signature)
    #expect(throws: error) { try decoder.consume([UInt8](repeating: 7, count: 40)) }
    #expect(throws: error) { try decoder.consume(CopyEncoder.header) }
    #expect(throws: error) { try decoder.finish() }
  }

  @Test("names table, column, row and, for debugging only, the key of a bad value")
  func valueErrors() throws {
    let key = UUIDValue(high: 1, low: 2)
    let fields = [Field("event_id", .uuid), Field("timestamp", .timestamp)]
    let bytes = stream([
      [key.bytes, bigEndian(Int64(0))], [key.bytes, bigEndian(Int64.max)],
    ])
    let error = #expect(throws: PostgresError.self) {
      try decode(bytes, fields, key: ["event_id"])
    }
    #expect(
      error
        == .unsuitableValue(
          ValueFailure(
            source: "app.events", column: "timestamp", row: 2, key: "event_id=\(key)",
            problem: .infinite)))
    let found = try #require(error)
    #expect(found.description.contains("timestamp of app.events is infinite in row 2"))
    #expect(!found.description.contains("\(key)"))
    #expect(found.debugDescription.contains("\(key)"))
    #expect(found.exitStatus == .badData)
  }

  @Test(
    "refuses values that a column cannot hold",
    arguments: [
      (Field("a", .bool), .bool, nil, .null),
      (Field("a", .int16), .int32, bigEndian(Int32(40_000)), .outOfRange),
      (Field("a", .int32), .int64, bigEndian(Int64(1) << 31), .outOfRange),
      (Field("a", .int64), .int64, [1, 2, 3], .malformed),
      (Field("a", .uuid), .uuid, .zeros(15), .malformed),
      (Field("a", .date), .date, bigEndian(Int32.max), .infinite),
      (Field("a", .date), .date, bigEndian(Int32.min), .infinite),
      (Field("a", .date), .date, bigEndian(Int32.max - 1), .outOfRange),
      (Field("a", .timestamp), .timestamp, bigEndian(Int64.min), .infinite),
      (Field("a", .timestamp), .timestamp, bigEndian(Int64.max - 1), .outOfRange),
      (Field("a", .json), .jsonb, [2, 0x7B, 0x7D], .malformed),
      (Field("a", .json), .jsonb, [], .malformed),
      (Field("a", .money), .numeric, [0, 0, 0, 0, 0xC0, 0, 0, 0], .notANumber),
      (Field("a", .money), .numeric, [0, 0, 0, 0, 0xD0, 0, 0, 0], .infinite),
      (Field("a", .money), .numeric, [0, 0, 0, 0, 0xF0, 0, 0, 0], .infinite),
      (Field("a", .float64), .numeric, [0, 0, 0, 0, 0xC0, 0, 0, 0], .notANumber),
      (Field("a", .money), .numeric, [0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10], .malformed),
      (Field("a", .money), .numeric, [0, 2, 0, 0, 0, 0, 0, 0, 0, 1], .malformed),
      (Field("a", .money), .numeric, [0, 1, 0, 40, 0, 0, 0, 0, 0, 1], .outOfRange),
    ] as [(Field, WireType, [UInt8]?, ValueFailure.Problem)])
  func badValues(
    field: Field, wire: WireType, value: [UInt8]?, problem: ValueFailure.Problem
  ) {
    let failure = ValueFailure(
      source: "app.events", column: "a", row: 1, key: nil, problem: problem)
    #expect(throws: PostgresError.unsuitableValue(failure)) {
      try decode(stream([[value]]), [field], wireTypes: [wire])
    }
  }

  @Test(
    "takes arrays of identifiers that are lists without nulls, and says why others are refused",
    arguments: [
      (array(dimensions: 0), nil), (array(count: 2, elements: [16, 16]), nil),
      (array(flags: 1, count: 1, elements: [16]), nil),
      (array(lowerBound: -3, count: 1, elements: [16]), nil), (array(count: 0), nil),
      (array(flags: 1, count: 2, elements: [16, -1]), .nullElement),
      (array(dimensions: 2, count: 1, elements: [16]), .nested),
      (array(dimensions: 7, count: 1, elements: [16]), .malformed),
      (array(dimensions: -1, count: 1, elements: [16]), .malformed),
      (array(dimensions: 0, count: 1), .malformed), (array(count: 1), .malformed),
      (array(count: 1, elements: [16, 16]), .malformed),
      (array(count: -1), .malformed), (array(count: 1, elements: [15]), .malformed),
      (array(count: .max, elements: [16]), .malformed),
      (array(type: 25, dimensions: 0), .malformed),
      (Array(array(count: 1, elements: [16]).dropLast()), .malformed),
      (Array(array(dimensions: 0).dropLast()), .malformed), ([], .malformed),
    ] as [([UInt8], ValueFailure.Problem?)])
  func identifierArrays(bytes: [UInt8], problem: ValueFailure.Problem?) throws {
    let fields = [Field("id", .int32), Field("tags", .uuidList)]
    let copy = stream([[bigEndian(Int32(42)), bytes]])
    guard let problem else {
      let count = max(0, (bytes.count - 20) / 20)
      #expect(
        try decode(copy, fields).map(\.rowValues)
          == [[[.integer(42), .uuids([UUIDValue](repeating: .zero, count: count))]]])
      return
    }
    let failure = ValueFailure(
      source: "app.events", column: "tags", row: 1, key: "id=42", problem: problem)
    #expect(throws: PostgresError.unsuitableValue(failure)) {
      try decode(copy, fields, key: ["id"])
    }
  }

  @Test("codes repeating values by a dictionary and gives it up where nearly all differ")
  func dictionaries() throws {
    let fields = [
      Field("few", .text), Field("many", .text, isNullable: true), Field("tenant", .uuid),
      Field("id", .uuid, isNullable: true),
    ]
    var builders = fields.map { ColumnBuilder($0) }
    for row in 0..<70_000 {
      builders[0].append("kind \(row % 50)")
      builders[2].append(UUIDValue(high: 7, low: UInt64(row % 5000)))
      if row % 11 == 3 {
        builders[1].appendNull()
        builders[3].appendNull()
      } else {
        builders[1].append("number \(row)")
        builders[3].append(UUIDValue(high: UInt64(row), low: 0))
      }
    }
    let batch = Batch(builders.map { $0.finish() })
    let bytes = try CopyEncoder(fields: fields, table: "t").encode(batch)
    let decoded = try decode(bytes, fields)
    #expect(decoded.map(\.rowCount) == [65_536, 4464])
    #expect(firstDifference(decoded.flatMap(\.rowValues), batch.rowValues) == nil)
    func isCoded(_ column: Column?) -> Bool? {
      switch column?.storage {
      case .text(let text): text.codes != nil
      case .uuid(let values): values.codes != nil
      default: nil
      }
    }
    #expect(fields.map { isCoded(decoded[0][$0.name]) } == [true, false, true, false])
    // The next batches after a dictionary that did not pay are not tried again at once.
    #expect(fields.map { isCoded(decoded[1][$0.name]) } == [true, false, true, false])
  }

  /// A stream of identifiers made of numbers, and of texts of them.
  private func identifierStream(_ numbers: [UInt64]) -> [UInt8] {
    CopyEncoder.header
      + numbers.flatMap { number in
        let text = Array("\(number)".utf8)
        return [0, 2, 0, 0, 0, 16] + UUIDValue(high: number, low: 1).bytes
          + bigEndian(Int32(text.count)) + text
      } + CopyEncoder.trailer
  }

  @Test(
    "keeps a dictionary as long as it will have at most three entries for four rows of the batch",
    arguments: [
      (.max, 1, false), (70_000, 1, true), (200_000, 1, false), (.max, 0.6, true),
    ] as [(UInt64, Double, Bool)])
  func repetition(distinct: UInt64, share: Double, isCoded: Bool) throws {
    var generator = SplitMix64(seed: distinct)
    // The share of rows with a new value or one of `distinct`; the others have one of ten.
    let numbers = (0..<65_536).map { _ in
      Double.random(in: 0..<1, using: &generator) < share
        ? UInt64.random(in: 0..<distinct, using: &generator)
        : UInt64.random(in: 0..<10, using: &generator)
    }
    let bytes = identifierStream(numbers)
    let fields = [Field("id", .uuid), Field("text", .text)]
    let batches = try decode(bytes, fields)
    let chunks = (0..<2000).map { _ in Int.random(in: 0...3000, using: &generator) }
    #expect(try decode(bytes, fields, chunks: chunks) == batches)
    #expect(batches.count == 1)
    guard case .uuid(let identifiers) = batches[0].columns[0].storage,
      case .text(let texts) = batches[0].columns[1].storage
    else { throw TestFailure() }
    #expect((identifiers.codes != nil) == isCoded && (texts.codes != nil) == isCoded)
    for (row, number) in numbers.enumerated() where row % 97 == 0 {
      #expect(identifiers.row(row) == UUIDValue(high: number, low: 1))
      #expect(texts.row(row).elementsEqual("\(number)".utf8))
    }
  }

  @Test(
    "numbers identifiers in the order in which they come, the all-zero one apart from nulls",
    arguments: [1, 127, 128, 129, 5000] as [Int], [1, 60, 4000] as [UInt64])
  func identifierCodes(rows: Int, distinct: UInt64) throws {
    var generator = SplitMix64(seed: UInt64(rows) &* 31 &+ distinct)
    let values: [UUIDValue?] = (0..<rows).map { _ in
      let number = UInt64.random(in: 0...distinct, using: &generator)
      // Equal halves and single bits are what a weak hash would put in one place.
      return number == distinct ? nil : UUIDValue(high: number, low: number % 3 == 0 ? number : 0)
    }
    let bytes = stream(values.map { [$0?.bytes] })
    var known: [UUIDValue: UInt32] = [:]
    var entries: [UUIDValue] = []
    let codes = values.map { value -> UInt32 in
      guard let value else { return 0 }
      if let code = known[value] { return code }
      known[value] = UInt32(entries.count)
      entries.append(value)
      return UInt32(entries.count - 1)
    }
    // A second batch of the same rows: nothing is left of the first one's dictionary.
    let twice = bytes.dropLast(2) + bytes.dropFirst(CopyEncoder.header.count)
    let batches = try decode(
      Array(twice), [Field("id", .uuid, isNullable: true)], rowsPerBatch: rows)
    #expect(batches.count == 2)
    for batch in batches {
      #expect(batch.columns[0].storage == .uuid(UUIDStorage(values: entries, codes: codes)))
      #expect((0..<rows).allSatisfy { batch.columns[0].isNull($0) == (values[$0] == nil) })
    }
  }

  @Test("tries a dictionary again some rows after one was given up")
  func secondTrial() throws {
    let numbers = (0..<UInt64(320_000)).map { $0 < 20_000 ? $0 : $0 % 100 }
    let batches = try decode(
      identifierStream(numbers), [Field("id", .uuid), Field("text", .text)], rowsPerBatch: 20_000)
    let isCoded = batches.map { batch in
      if case .uuid(let identifiers) = batch.columns[0].storage {
        identifiers.codes != nil
      } else {
        false
      }
    }
    let first = try #require(isCoded.firstIndex(of: true))
    #expect((2...15).contains(first) && isCoded[first...].allSatisfy { $0 })
  }

  @Test("refuses types that do not fit their fields before reading anything")
  func unsuitableTypes() {
    #expect(
      throws: PostgresError.unsuitableType(
        table: "t", column: "a", type: "text", field: .int64)
    ) {
      _ = try CopyDecoder(fields: [Field("a", .int64)], wireTypes: [.text], source: "t")
    }
    #expect(throws: PostgresError.columnCount(source: "t", expected: 1, found: 2)) {
      _ = try CopyDecoder(
        fields: [Field("a", .int64)], wireTypes: [.int64, .int64], source: "t")
    }
    #expect(throws: PostgresError.self) {
      _ = try CopyEncoder(fields: [Field("a", .text)], wireTypes: [.int64], table: "t")
    }
  }

  @Test("refuses to write what a narrower column cannot hold, naming column and row")
  func narrowTargets() throws {
    var builder = ColumnBuilder(Field("quantity", .int64))
    builder.append(Int64(1))
    builder.append(Int64(32_768))
    let batch = Batch([builder.finish()])
    let encoder = try CopyEncoder(fields: batch.fields, wireTypes: [.int16], table: "app.lines")
    let failure = ValueFailure(
      source: "app.lines", column: "quantity", row: 2, key: nil, problem: .outOfRange)
    #expect(throws: PostgresError.unsuitableValue(failure)) { try encoder.encode(batch) }
    #expect(try encoder.encode(batch, rows: 0..<1) == [0, 1, 0, 0, 0, 2, 0, 1])
  }
}

extension [UInt8] {
  /// A number of zero bytes.
  fileprivate static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}

/// An array as the server writes it, its elements zeros of the given lengths; -1 is null.
private func array(
  type: Int32 = 2950, dimensions: Int32 = 1, flags: Int32 = 0, lowerBound: Int32 = 1,
  count: Int32? = nil, elements: [Int32] = []
) -> [UInt8] {
  bigEndian(dimensions) + bigEndian(flags) + bigEndian(type)
    + (count.map { bigEndian($0) + bigEndian(lowerBound) } ?? [])
    + elements.flatMap { bigEndian($0) + .zeros(max(0, Int($0))) }
}
