import Columns

/// The levels of a page, as they are stored.
struct PageLevels {
  /// The number of entries: rows, or of lists the elements and rows without any.
  var count: Int
  /// How much of the path to the value each entry has; `nil` where nothing is optional.
  var definition: [UInt32]?
  /// 0 where a row begins, of lists only.
  var repetition: [UInt32]?
}

/// Counts the rows of a column while its pages are read, and collects which of them are null and
/// where lists begin.
struct ReadRows {
  private let leaf: LeafColumn
  private let rowCount: Int
  private var validity: ValidityBitmap?
  private var row = 0
  /// The first row of the present row group.
  private var groupStart = 0
  /// The row after the last of the present row group.
  private var groupEnd = 0
  /// The values of the present row group that are yet to come.
  private(set) var valuesLeft = 0
  /// Where the list of each row begins.
  private var listOffsets: [Int] = []
  private var elementCount = 0

  /// No rows yet of `count`.
  init(_ leaf: LeafColumn, count: Int) {
    self.leaf = leaf
    rowCount = count
  }

  /// Begins a row group.
  mutating func beginRowGroup(rowCount: Int, valueCount: Int) {
    groupStart = row
    groupEnd = row + rowCount
    valuesLeft = valueCount
  }

  /// Checks that so many values are left.
  func checkRoom(for count: Int) throws(DecodingFault) {
    guard count <= valuesLeft else {
      throw .corrupt("\(count) values where \(valuesLeft) are left")
    }
  }

  /// Takes the levels of a page; the rows, or elements of lists, that the page has values for.
  mutating func append(_ levels: PageLevels) throws(DecodingFault) -> PageRows {
    valuesLeft -= levels.count
    if let repetition = levels.repetition {
      return PageRows(allPresent: try appendLists(repetition, levels.definition ?? []))
    }
    let rows =
      if let definition = levels.definition { try PageRows(levels: definition) } else {
        PageRows(allPresent: levels.count)
      }
    if let levels = rows.levels {
      // Taken out while it changes, so that it is not copied.
      var bits = validity.take() ?? ValidityBitmap(repeating: true, count: rowCount)
      for index in levels.indices where levels[index] == 0 { bits[row + index] = false }
      validity = bits
    }
    row += rows.count
    return rows
  }

  /// Takes the levels of lists; the number of elements.
  private mutating func appendLists(
    _ repetition: [UInt32], _ definition: [UInt32]
  ) throws(DecodingFault) -> Int {
    let present = leaf.elementLevel
    let before = elementCount
    for (repeats, level) in zip(repetition, definition) {
      guard repeats <= 1, level <= present else { throw .corrupt("a level above the highest") }
      if element(isNullAt: level) { throw .unrepresentable("a list has a null in it") }
      if repeats == 0 {
        guard row < groupEnd else { throw .corrupt("more lists than rows") }
        listOffsets.append(elementCount)
        row += 1
      } else if row == groupStart || level < present
        || elementCount == listOffsets[row - 1]
      {
        throw .corrupt("a list goes on that has not begun")
      }
      if level == present {
        elementCount += 1
      } else if leaf.isNullable, level == 0 {
        var bits = validity.take() ?? ValidityBitmap(repeating: true, count: rowCount)
        bits[row - 1] = false
        validity = bits
      }
    }
    return elementCount - before
  }

  /// Whether a level stands for an element that is null, and not for a list without elements.
  private func element(isNullAt level: UInt32) -> Bool {
    leaf.element.repetition == .optional && level == leaf.elementLevel - 1
  }

  /// Checks that the values of a row group were those of all its rows.
  func endRowGroup() throws(DecodingFault) {
    guard row == groupEnd else { throw .corrupt("\(groupEnd - row) rows have no value") }
  }

  /// The column of the values that the pages had.
  func column(_ storage: ColumnStorage, _ type: ColumnType) throws(DecodingFault) -> Column {
    let field = Field(leaf.name, type, isNullable: leaf.isNullable)
    guard leaf.isList, case .uuid(let elements) = storage else {
      return Column(field, storage, validity: validity)
    }
    let lists = UUIDListStorage(elements: elements, offsets: listOffsets + [elementCount])
    return Column(field, .uuidList(lists), validity: validity)
  }
}
