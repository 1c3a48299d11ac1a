import AlmanacCore
import Columns
import Postgres

extension FuzzTarget {
  /// The decoder and the encoder of binary COPY.
  ///
  /// The first three bytes choose the columns, the rows of a batch and how the stream is cut; the
  /// rest is the stream. Any bytes in any pieces give the same batches or the same error as in one
  /// piece, and what was decoded and encoded decodes to the same again.
  static let copyDecoder = FuzzTarget(
    name: "copy-decoder", seeds: copyDecoderSeeds, check: checkCopyDecoder)
}

/// Columns with the formats they are read from, each in a form that can be written as well.
private let columnChoices: [[(type: ColumnType, wire: WireType)]] = [
  [(.text, .text), (.uuid, .uuid), (.money, .numeric), (.timestamp, .timestamp)],
  [(.uuidList, .uuidArray), (.int64, .uint32), (.bool, .bool)],
  [
    (.decimal(scale: 0), .numeric), (.decimal(scale: 38), .numeric), (.decimal(scale: 7), .numeric),
  ],
  [(.int16, .int16), (.int32, .int64), (.int64, .int32), (.int16, .int64)],
  [(.float32, .float32), (.float64, .float32), (.float64, .float64), (.date, .date)],
  [(.json, .jsonb), (.json, .json), (.text, .jsonb), (.bytes, .bytea)],
  [(.uuid, .uuid)], [],
]

/// The columns an input chooses; in half of the choices they have no nulls.
private func columns(_ choice: UInt8) -> (fields: [Field], wireTypes: [WireType]) {
  let chosen = columnChoices[Int(choice) % columnChoices.count]
  let fields = chosen.enumerated().map { index, column in
    Field("c\(index)", column.type, isNullable: choice < 128)
  }
  return (fields, chosen.map(\.wire))
}

private typealias Outcome = Result<[Batch], PostgresError>

private func checkCopyDecoder(_ input: [UInt8]) {
  guard input.count >= 3 else { return }
  let (fields, wireTypes) = columns(input[0])
  let rowsPerBatch = 1 + Int(input[1] % 5)
  func decoded(_ bytes: ArraySlice<UInt8>, pieces: (Int) -> Int) -> Outcome {
    do throws(PostgresError) {
      var decoder = try CopyDecoder(
        fields: fields, wireTypes: wireTypes, source: "app.input", key: fields.map(\.name),
        rowsPerBatch: rowsPerBatch)
      var batches: [Batch] = []
      var start = bytes.startIndex
      while start < bytes.endIndex {
        let end = min(bytes.endIndex, start + max(1, pieces(start)))
        try decoder.consume(bytes[start..<end])
        while let batch = decoder.nextBatch() { batches.append(batch) }
        start = end
      }
      try decoder.finish()
      while let batch = decoder.nextBatch() { batches.append(batch) }
      return .success(batches)
    } catch {
      _ = error.debugDescription
      return .failure(error)
    }
  }
  let stream = input[3...]
  let whole = decoded(stream) { _ in .max / 2 }
  var random = SplitMix64(seed: UInt64(input[2]))
  precondition(
    decoded(stream) { _ in Int(random.next() % 40) } == whole, "other pieces, other outcome")
  if stream.count < 400 {
    precondition(decoded(stream) { _ in 1 } == whole, "single bytes, other outcome")
  }
  guard case .success(let batches) = whole else { return }
  do throws(PostgresError) {
    let encoder = try CopyEncoder(fields: fields, wireTypes: wireTypes, table: "app.output")
    var bytes = CopyEncoder.header
    for batch in batches { bytes += try encoder.encode(batch, rows: 0..<batch.rowCount) }
    bytes += CopyEncoder.trailer
    precondition(decoded(bytes[...]) { _ in .max / 2 } == whole, "encoded is not what was decoded")
  } catch {
    preconditionFailure("decoded values cannot be encoded: \(error)")
  }
}

/// Streams of each choice of columns, as the encoder writes random values.
private func copyDecoderSeeds() throws -> [[UInt8]] {
  var random = SplitMix64(seed: 1)
  return try (0..<columnChoices.count).flatMap { choice in
    try [UInt8(choice), UInt8(choice + 128)].map { first in
      let (fields, wireTypes) = columns(first)
      var builders = fields.map { ColumnBuilder($0) }
      for row in 0..<6 {
        for index in builders.indices {
          let isNull = fields[index].isNullable && random.next() % 4 == 0
          builders[index].append(isNull ? nil : seedValue(fields[index].type, row, &random))
        }
      }
      let batch = Batch(builders.map { $0.finish() }, rowCount: 6)
      let stream = try CopyEncoder(fields: fields, wireTypes: wireTypes, table: "t").encode(batch)
      return [first, 2, 7] + stream
    }
  }
}

/// A value of a type, which fits 16 bits and all scales.
private func seedValue(
  _ type: ColumnType, _ row: Int, _ random: inout SplitMix64
) -> ColumnValue {
  let number = Int128(random.next() % 30_000) - 9_000
  switch type {
  case .bool: return .bool(number > 0)
  case .int16, .int32: return .integer(number)
  // Columns of this type are also read from numbers without a sign.
  case .int64: return .integer(abs(number))
  case .decimal:
    return .integer(row == 5 ? number * 1_000_000_000_000_000_000_000 : number * 10_007)
  case .float32, .float64: return .float(Double(number) / 4)
  case .text, .bytes: return .text(String(repeating: "ab€", count: row))
  case .json: return .text("{\"a\": \(number)}")
  case .uuid: return .uuid(UUIDValue(high: UInt64(row % 3), low: 5))
  case .uuidList: return .uuids((0..<row).map { UUIDValue(high: 0, low: UInt64($0)) })
  case .date: return .date(CalendarDate(daysSinceEpoch: Int32(number)))
  case .timestamp: return .timestamp(Timestamp(microseconds: Int64(number) * 1_000_003))
  }
}
