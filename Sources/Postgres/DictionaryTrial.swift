/// When to stop coding a column by a dictionary, and when to try again.
///
/// A dictionary pays if at the end of the batch it has at most three entries for four rows: codes
/// of 4 bytes and entries of 16 then take less memory than the identifiers themselves, and less in
/// a file as well. Whether it will is judged each time the entries have doubled, by the share of
/// the rows since then that repeated an entry. If values are drawn from `d` equally frequent ones,
/// about `entries / d` of the rows repeat one, and a batch of `n` rows has at most three entries
/// for four rows where `d` is at most 1.6 `n`, since `d (1 - exp(-n / d)) = 0.75 n` there. Values
/// that are not equally frequent repeat more.
///
/// After a dictionary was given up the column stays plain for sixteen times as many rows as that
/// took, so that trying is never a large part of the work. All of it depends on the rows alone, so
/// equal streams give equal batches.
struct DictionaryTrial {
  /// The entries at which a dictionary is judged for the first time.
  static let firstEntries = 16_384
  /// The rows that are left plain for each row of a trial.
  static let skipFactor = 16

  private let rowsPerBatch: Int
  /// The number of entries at which to judge next.
  private var nextEntries = DictionaryTrial.firstEntries / 2
  /// The number of rows when there were half as many entries.
  private var rowsAtHalf = 0
  /// The rows that are still to be left plain.
  private var rowsToSkip = 0
  /// Whether the dictionary of this batch was given up.
  private(set) var gaveUp = false

  /// A trial at the beginning of a stream of batches of up to so many rows.
  init(rowsPerBatch: Int) {
    // More rows than a batch can have would only make the products overflow.
    self.rowsPerBatch = min(rowsPerBatch, 1 << 28)
  }

  /// Whether the batch to come is left plain.
  var isSkipping: Bool { rowsToSkip > 0 }

  /// Whether the dictionary is not worth it, as an entry is about to be added.
  ///
  /// - Parameters:
  ///   - entries: the number of entries, the new one included.
  ///   - rows: the number of rows, that of the new entry included.
  /// - Returns: true once for a dictionary; the caller then makes the column plain.
  mutating func shouldGiveUp(entries: Int, rows: Int) -> Bool {
    guard entries == nextEntries else { return false }
    let recentRows = rows - rowsAtHalf
    let repeated = recentRows - entries / 2
    rowsAtHalf = rows
    nextEntries *= 2
    // The ratio of entries and distinct values, which are at most 8/5 of a batch's rows.
    guard entries >= DictionaryTrial.firstEntries,
      8 * repeated * rowsPerBatch < 5 * recentRows * entries
    else { return false }
    gaveUp = true
    rowsToSkip = DictionaryTrial.skipFactor * rows
    return true
  }

  /// Ends a batch.
  mutating func finishBatch(rows: Int) {
    rowsToSkip = max(0, rowsToSkip - rows)
    gaveUp = false
    rowsAtHalf = 0
    nextEntries = DictionaryTrial.firstEntries / 2
  }
}
