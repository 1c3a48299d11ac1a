import Columns

/// Where the lists of a page begin, and which of them are null or empty.
struct ListLevels {
  /// 0 for the first entry of each row, 1 for each further one.
  private var repetition: [UInt32] = []
  /// How much of the path each entry has: nothing for null, the list, the element.
  private var definition: [UInt32] = []
  /// The number of entries that are no element.
  private(set) var emptyCount = 0

  /// The number of entries: the elements, and one for each row without any.
  var count: Int { repetition.count }

  /// Adds rows until there are `limit` entries; the row after the last that was added.
  mutating func append(
    _ lists: UUIDListStorage, _ validity: ValidityBitmap?, _ rows: Range<Int>, isOptional: Bool,
    limit: Int
  ) -> Int {
    let present: UInt32 = isOptional ? 1 : 0
    for row in rows {
      let elements = lists.positions(row).count
      repetition.append(0)
      if elements == 0 {
        definition.append(validity.map { $0[row] } ?? true ? present : 0)
        emptyCount += 1
      } else {
        definition.append(contentsOf: repeatElement(present + 1, count: elements))
        repetition.append(contentsOf: repeatElement(1, count: elements - 1))
      }
      if count >= limit { return row + 1 }
    }
    return rows.upperBound
  }

  /// Adds the levels to a page, each kind with its length in front.
  func write(to page: inout [UInt8], maximumDefinition: UInt32) {
    let width = RunLength.width(of: maximumDefinition)
    for levels in [
      RunLength.encode(repetition.span, width: 1), RunLength.encode(definition.span, width: width),
    ] {
      page.appendLittleEndian(UInt32(levels.count))
      page.append(contentsOf: levels)
    }
  }

  /// Begins a page.
  mutating func removeAll() {
    repetition.removeAll(keepingCapacity: true)
    definition.removeAll(keepingCapacity: true)
    emptyCount = 0
  }
}
