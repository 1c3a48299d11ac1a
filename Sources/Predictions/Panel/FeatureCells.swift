/// What one company's rows of a tally add up to, by local day, first instant that sees them, and
/// subject.
///
/// Rows are appended as they come. Whenever those since the last time are as many as the cells before,
/// they are sorted and joined to them, so that the memory is that of cells, not of rows, and the
/// time stays linear in rows but for sorting the new ones.
struct FeatureCells: Sendable {
  /// What rows of one place add to the tally.
  struct Cell: Sendable {
    /// Day, first instant that sees it and subject as one number, which orders cells.
    let place: UInt64
    var amount: Int64

    /// - Parameters:
    ///   - day: the local day, from 0 on.
    ///   - visible: the position of the first instant that sees it.
    ///   - subject: whose row it is; −1 for nobody's.
    ///   - amount: what it adds.
    init(day: Int32, visible: Int32, subject: Int32, amount: Int64) {
      place =
        UInt64(UInt32(bitPattern: day)) << 44 | UInt64(UInt32(bitPattern: visible)) << 32
        | UInt64(UInt32(bitPattern: subject &+ 1))
      self.amount = amount
    }

    var day: Int32 { Int32(truncatingIfNeeded: place >> 44) }
    var visible: Int32 { Int32(truncatingIfNeeded: place >> 32 & 0xFFF) }
    var subject: Int32 { Int32(truncatingIfNeeded: place & 0xFFFF_FFFF) &- 1 }
  }

  /// The most days and instants that a place has room for.
  static let mostDays = 1 << 20
  static let mostInstants = 1 << 12

  /// In order, and one for each place, once ``seal()`` was called.
  private(set) var cells: [Cell] = []
  /// How many of them are in order.
  private var sealed = 0

  /// The fewest new cells that are sorted before the end.
  private static let leastNew = 256

  /// Adds a row.
  mutating func add(_ cell: Cell) {
    // Rows mostly come in order of time, so many of them join the cell before.
    let last = cells.count - 1
    if last >= 0, cells[last].place == cell.place {
      cells[last].amount += cell.amount
      return
    }
    if last < 0 || sealed == cells.count && cells[last].place < cell.place { sealed += 1 }
    cells.append(cell)
    if cells.count - sealed >= max(FeatureCells.leastNew, sealed) { seal() }
  }

  /// Brings cells into order and joins those of one place.
  mutating func seal() {
    guard sealed < cells.count else { return }
    let new = cells[sealed...].sorted { $0.place < $1.place }
    var joined: [Cell] = []
    joined.reserveCapacity(cells.count)
    func take(_ cell: Cell) {
      if let last = joined.last, last.place == cell.place {
        joined[joined.count - 1].amount += cell.amount
      } else {
        joined.append(cell)
      }
    }
    var position = 0
    for cell in new {
      while position < sealed, cells[position].place <= cell.place {
        take(cells[position])
        position += 1
      }
      take(cell)
    }
    while position < sealed {
      take(cells[position])
      position += 1
    }
    cells = joined
    sealed = joined.count
  }
}
