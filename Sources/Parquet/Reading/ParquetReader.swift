package import Columns

/// Reads a Parquet file by ranges: the footer when it is made, and then only the pages asked for.
///
/// A reader does no I/O: its caller gives it the bytes of ranges of the file.
///
/// ```swift
/// let reader = try ParquetReader(byteCount: size) { try file.read($0) }
/// for group in reader.metadata.rowGroups.indices {
///   use(try reader.decode(columns: ["company_id", "amount"], rowGroups: [group]))
/// }
/// ```
package struct ParquetReader {
  /// Gives the bytes of a range of the file, as many as the range has.
  package typealias Read = (Range<Int>) throws -> [UInt8]

  /// What the footer tells.
  package let metadata: ParquetMetadata
  private let footer: FooterReader
  private let read: Read

  /// The footer's usual size: it is read at once with what precedes it.
  private static let usualFooterSize = 64 << 10

  /// A reader of a file of `byteCount` bytes.
  ///
  /// - Throws: `ParquetError` where the footer is damaged, and what `read` throws.
  package init(byteCount: Int, read: @escaping Read) throws {
    self.read = read
    let head = try read(0..<min(byteCount, ParquetFile.magic.count))
    var tail = max(0, byteCount - ParquetReader.usualFooterSize)..<byteCount
    var bytes = FileBytes(bytes: try read(tail), offset: tail.lowerBound)
    let start = try FooterReader.start(head: head, tail: bytes, byteCount: byteCount)
    if start < tail.lowerBound {
      tail = start..<byteCount
      bytes = FileBytes(bytes: try read(tail), offset: start)
    }
    footer = try FooterReader(bytes, start: start, byteCount: byteCount)
    metadata = ParquetMetadata(footer)
  }

  /// The rows of some row groups, in the order of the file.
  ///
  /// - Parameters:
  ///   - columns: the columns to read, in the order wanted, each once; `nil` for all.
  ///   - rowGroups: the row groups to read, ascending and each once; `nil` for all.
  ///   - maximumBytes: the most memory the rows may take.
  ///   - verifyingChecksums: whether pages are held against the checksums that they carry.
  /// - Returns: the rows.
  /// - Throws: `ParquetError`, and what the caller's `read` throws.
  package func decode(
    columns: [String]? = nil, rowGroups: [Int]? = nil, maximumBytes: Int = 8 << 30,
    verifyingChecksums: Bool = true
  ) throws -> Batch {
    var failure: (any Error)?
    let selection = Selection(
      columns: columns, rowGroups: rowGroups, maximumBytes: maximumBytes,
      verifiesChecksums: verifyingChecksums)
    do throws(ParquetError) {
      return try footer.decode(selection) { (range) throws(ParquetError) in
        do {
          let bytes = try read(range)
          precondition(bytes.count == range.count, "\(bytes.count) bytes of range \(range)")
          return FileBytes(bytes: bytes, offset: range.lowerBound)
        } catch {
          failure = error
          // Carries the failure of the caller out of code that throws errors of this module only.
          throw .corrupt(ParquetLocation(offset: range.lowerBound), reason: "it cannot be read")
        }
      }
    } catch {
      throw failure ?? error
    }
  }
}

/// What to read of a file, and how.
struct Selection {
  /// The columns, in order; `nil` for all.
  var columns: [String]?
  /// The row groups; `nil` for all.
  var rowGroups: [Int]?
  /// The most memory the rows may take.
  var maximumBytes: Int
  /// Whether pages are held against their checksums.
  var verifiesChecksums: Bool
}

extension FooterReader {
  /// The rows of a selection, whose pages `fetch` gives.
  func decode(_ selection: Selection, _ fetch: @escaping FetchBytes) throws(ParquetError) -> Batch {
    let groups = selection.rowGroups ?? Array(footer.rowGroups.indices)
    precondition(
      zip(groups, groups.dropFirst()).allSatisfy(<)
        && groups.allSatisfy(footer.rowGroups.indices.contains), "row groups \(groups)")
    let columns = try selectedColumns(selection.columns)
    let rowCount = groups.reduce(0) { $0 + footer.rowGroups[$1].rowCount }
    try checkMemory(columns, groups, rowCount, maximumBytes: selection.maximumBytes)
    var result: [Column] = []
    for column in columns {
      let reader = ColumnReader(
        footer: self, leaf: leaves[column.index], index: column.index, rowGroups: groups,
        rowCount: rowCount, maximumBytes: selection.maximumBytes,
        verifiesChecksums: selection.verifiesChecksums, fetch: fetch)
      result.append(try reader.read(column.conversion))
    }
    return Batch(result, rowCount: rowCount)
  }

  private struct SelectedColumn {
    var index: Int
    var conversion: ValueConversion
  }

  private func selectedColumns(_ names: [String]?) throws(ParquetError) -> [SelectedColumn] {
    let available = leaves.map(\.name)
    var result: [SelectedColumn] = []
    for name in names ?? available {
      guard let index = available.firstIndex(of: name) else {
        throw .missingColumn(name, available: available)
      }
      do throws(DecodingFault) {
        result.append(SelectedColumn(index: index, conversion: try leaves[index].conversion()))
      } catch {
        throw error.located(ParquetLocation(column: name, offset: pagesEnd))
      }
    }
    if names == nil, Set(available).count < available.count {
      throw .unsupported(column: nil, feature: "one name for several columns")
    }
    return result
  }

  /// Counts alone take no bytes in a file, so they are held against the memory allowed first.
  private func checkMemory(
    _ columns: [SelectedColumn], _ groups: [Int], _ rowCount: Int, maximumBytes: Int
  ) throws(ParquetError) {
    var total = 0
    for column in columns {
      // A column of lists has more values than rows, a damaged file may announce any number.
      let isList = leaves[column.index].isList
      let values = groups.reduce(rowCount) { sum, group in
        let count = isList ? footer.rowGroups[group].columns[column.index].valueCount : 0
        return sum.addingReportingOverflow(count).overflow ? .max : sum + count
      }
      let (size, overflows) = values.multipliedReportingOverflow(by: column.conversion.rowSize)
      let (sum, sumOverflows) = total.addingReportingOverflow(size)
      if overflows || sumOverflows || sum > maximumBytes {
        throw .tooLarge(maximumBytes: maximumBytes)
      }
      total = sum
    }
  }
}
