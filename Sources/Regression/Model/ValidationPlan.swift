import AlmanacCore

/// How rows left out are chosen where a model is judged by them.
package enum Validation: Codable, Equatable, Sendable {
  /// Folds of about equal size, drawn by a seed.
  case folds(Int, seed: UInt64)
  /// Folds that keep rows with one value of a column together.
  case grouped(column: String, folds: Int, seed: UInt64)
  /// Windows in the order of a column, each judged by a fit of all rows before it.
  case rolling(column: String, origins: Int)

  /// The column it reads, if any.
  package var column: String? {
    switch self {
    case .folds: nil
    case .grouped(let column, _, _), .rolling(let column, _): column
    }
  }
}

/// Rows in blocks, and which blocks judge a fit of which others.
package struct ValidationPlan: Equatable, Sendable {
  /// One fit and the block that judges it.
  package struct Fold: Equatable, Sendable {
    /// The blocks of the fit.
    package var training: [Int]
    /// The block left out.
    package var judged: Int
  }

  /// The block of each row, from 0.
  package let blocks: [Int]
  /// The number of blocks.
  package let blockCount: Int
  /// The folds.
  package let folds: [Fold]

  /// The rows that are judged, ascending.
  package var judgedRows: [Int] {
    let judged = Set(folds.map(\.judged))
    return blocks.indices.filter { judged.contains(blocks[$0]) }
  }

  /// Folds of about equal size, drawn by a seed; as many as rows at most.
  package init(folds count: Int, rowCount: Int, seed: UInt64) {
    let count = max(1, min(count, rowCount))
    var blocks = (0..<rowCount).map { $0 % count }
    var random = SplitMix64(seed: seed)
    for position in stride(from: rowCount - 1, to: 0, by: -1) {
      blocks.swapAt(position, Int(random.next() % UInt64(position + 1)))
    }
    self.init(blocks: blocks, blockCount: count)
  }

  /// Folds that keep rows of one label together, the largest groups dealt out first, each to the
  /// fold with the fewest rows; rows without a label form a group.
  package init(groups labels: [String?], folds count: Int, seed: UInt64) {
    var sizes: [String?: Int] = [:]
    for label in labels { sizes[label, default: 0] += 1 }
    var random = SplitMix64(seed: seed)
    let ordered = sizes.map { (label: $0.key, size: $0.value) }
      .sorted {
        ($0.label ?? "", $0.label == nil ? 0 : 1) < ($1.label ?? "", $1.label == nil ? 0 : 1)
      }
      .map { (label: $0.label, size: $0.size, ticket: random.next()) }
      .sorted { ($1.size, $0.ticket) < ($0.size, $1.ticket) }
    let count = max(1, min(count, ordered.count))
    var filled = [Int](repeating: 0, count: count)
    var places: [String?: Int] = [:]
    for group in ordered {
      let place = filled.indices.min { filled[$0] < filled[$1] } ?? 0
      filled[place] += group.size
      places[group.label] = place
    }
    self.init(blocks: labels.map { places[$0] ?? 0 }, blockCount: count)
  }

  /// Windows of about equal count in ascending order of times, rows of one time together; each
  /// window but the first is judged by a fit of all before it.
  package init(times: [Double], origins: Int) {
    let order = times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
    let wanted = max(1, origins) + 1
    var blocks = [Int](repeating: 0, count: times.count)
    var block = 0
    for (rank, row) in order.enumerated() {
      let isNewTime = rank > 0 && times[row] != times[order[rank - 1]]
      if isNewTime, rank * wanted >= (block + 1) * times.count { block += 1 }
      blocks[row] = block
    }
    self.blocks = blocks
    blockCount = block + 1
    folds = (1..<max(1, block + 1)).map { Fold(training: Array(0..<$0), judged: $0) }
  }

  private init(blocks: [Int], blockCount: Int) {
    self.blocks = blocks
    self.blockCount = blockCount
    folds = (0..<blockCount).map { judged in
      Fold(training: (0..<blockCount).filter { $0 != judged }, judged: judged)
    }
  }
}

extension ValidationPlan {
  /// The plan of a declared validation for a table.
  ///
  /// Throws `.missingColumn`; `.unusableColumn` for a time that is missing, and where there is one
  /// fold only; `.unusableRows` for fewer rows than folds.
  init(_ validation: Validation, _ table: Table) throws(RegressionError) {
    func column(_ name: String) throws(RegressionError) -> TableColumn {
      guard let column = table[name] else { throw .missingColumn(name) }
      return column
    }
    switch validation {
    case .folds(let count, let seed):
      guard table.rowCount >= 2 * count else {
        throw .unusableRows("\(count) folds need at least \(2 * count) rows")
      }
      self.init(folds: count, rowCount: table.rowCount, seed: seed)
    case .grouped(let name, let count, let seed):
      self.init(groups: try column(name).labels, folds: count, seed: seed)
      guard blockCount > 1 else {
        throw .unusableColumn(name, "it holds one group only, so none can be left out")
      }
    case .rolling(let name, let origins):
      let times = try column(name).numbers
      guard times.allSatisfy({ $0.isFinite }) else {
        throw .unusableColumn(name, "it orders the rows, so each needs a number or a date in it")
      }
      self.init(times: times, origins: origins)
      guard !folds.isEmpty else {
        throw .unusableColumn(name, "it holds one time only, so no row is later than another")
      }
    }
  }
}
