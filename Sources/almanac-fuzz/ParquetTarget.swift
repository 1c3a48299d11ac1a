import AlmanacCore
import Columns
import Parquet

extension FuzzTarget {
  /// The reader of Parquet files.
  ///
  /// The first byte tells whether checksums are verified; the rest is the file. Any bytes give rows
  /// or an error of one line, the same by ranges as from memory, in memory that is a multiple of the
  /// input; and rows that were read are the same after they were written and read again.
  static let parquet = FuzzTarget(name: "parquet", seeds: parquetSeeds, check: checkParquet)
}

/// The memory that the rows of an input may take.
private func allowedBytes(_ file: ArraySlice<UInt8>) -> Int { 64 * file.count + 65_536 }

private func checkParquet(_ input: [UInt8]) {
  guard let choice = input.first else { return }
  let file = Array(input.dropFirst())
  let verifies = choice & 1 == 1
  let maximumBytes = allowedBytes(file[...])
  let whole = decoded { () throws(ParquetError) in
    try ParquetFile.decode(file, maximumBytes: maximumBytes, verifyingChecksums: verifies)
  }
  let ranged = Result {
    let reader = try ParquetReader(byteCount: file.count) { Array(file[$0]) }
    return try reader.decode(maximumBytes: maximumBytes, verifyingChecksums: verifies)
  }
  switch (whole, ranged) {
  case (.failure(let error), .failure(let other)):
    precondition(!error.description.contains(where: \.isNewline), "an error of several lines")
    precondition(other as? ParquetError == error, "another error by ranges: \(other)")
  case (.success(let batch), .success(let other)):
    // NaN is not equal to itself, so rows are compared as they are written.
    let bytes = ParquetFile.encode(batch)
    precondition(ParquetFile.encode(other) == bytes, "other rows by ranges")
    switch decoded({ () throws(ParquetError) in try ParquetFile.decode(bytes) }) {
    case .success(let again):
      precondition(ParquetFile.encode(again) == bytes, "other rows after writing")
    case .failure(let error): preconditionFailure("what was written cannot be read: \(error)")
    }
  default: preconditionFailure("rows in one way, an error in the other")
  }
}

private func decoded(
  _ body: () throws(ParquetError) -> Batch
) -> Result<Batch, ParquetError> {
  do throws(ParquetError) {
    return .success(try body())
  } catch {
    return .failure(error)
  }
}

/// Small files of every type, with and without compression, in one row group and in several.
private func parquetSeeds() -> [[UInt8]] {
  let types: [ColumnType] = [
    .bool, .int16, .int32, .int64, .float32, .float64, .money, .decimal(scale: 20), .text, .json,
    .bytes, .uuid, .uuidList, .date, .timestamp,
  ]
  var random = SplitMix64(seed: 1)
  return [nil, 1].flatMap { (level: Int32?) -> [[UInt8]] in
    types.indices.map { first in
      let chosen = [types[first], types[(first + 4) % types.count]]
      var builders = chosen.enumerated().map { index, type in
        ColumnBuilder(Field("c\(index)", type, isNullable: first % 2 == 0))
      }
      for row in 0..<40 {
        for index in builders.indices {
          let isNull = first % 2 == 0 && random.next() % 5 == 0
          builders[index].append(isNull ? nil : seedValue(chosen[index], row, &random))
        }
      }
      let options = ParquetWriteOptions(
        rowGroupRows: first % 3 == 0 ? 25 : 1000, pageRows: 16, compressionLevel: level)
      return [UInt8(first)]
        + ParquetFile.encode(Batch(builders.map { $0.finish() }), options: options)
    }
  }
}

/// A value of a type; some of them repeat.
private func seedValue(
  _ type: ColumnType, _ row: Int, _ random: inout SplitMix64
) -> ColumnValue {
  let number = Int128(random.next() % 12) - 5
  switch type {
  case .bool: return .bool(number > 0)
  case .int16, .int32, .int64, .decimal: return .integer(row % 4 == 0 ? Int128(row) * 701 : number)
  case .float32, .float64: return .float(row == 7 ? .nan : Double(number) / 4)
  case .text, .json, .bytes: return .text(String(repeating: "ab€", count: Int(number + 5)))
  case .uuid: return .uuid(UUIDValue(high: UInt64(row % 3), low: UInt64(row)))
  case .uuidList: return .uuids((0..<row % 4).map { UUIDValue(high: 0, low: UInt64($0)) })
  case .date: return .date(CalendarDate(daysSinceEpoch: Int32(number)))
  case .timestamp: return .timestamp(Timestamp(microseconds: Int64(row) * 1_000_003))
  }
}
