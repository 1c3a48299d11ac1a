import Columns

/// The values of a column that wait for their page to be written, and the dictionary of the row
/// group they belong to.
///
/// Which code a value has depends on the values before it in the row group alone, never on how they
/// were cut into batches.
protocol PageValues {
  /// How pages that are not coded may hold the values, the likeliest first.
  var encodings: [PageEncoding] { get }
  /// The number of values that wait.
  var count: Int { get }
  /// Whether the values that wait are as many bytes as a page may have.
  var isFull: Bool { get }
  /// The number of distinct values in the dictionary.
  var entryCount: Int { get }
  /// The bytes of the dictionary in memory, its index included.
  var dictionaryBytes: Int { get }
  /// The least and greatest of all values of the row group whose pages ended.
  var bounds: StatisticsRecord { get }

  /// Adds the values of rows that hold one, up to the row that makes the page full; the row after
  /// the last that was taken.
  mutating func add(_ column: Column, _ rows: PresentRows) -> Int
  /// The codes of the values that wait, `nil` where a dictionary cannot pay.
  mutating func codes() -> [UInt32]?
  /// Adds the values that wait to a page, in one of ``encodings``.
  func append(_ encoding: PageEncoding, to page: inout [UInt8])
  /// The distinct values from one on, PLAIN.
  func dictionaryPage() -> [UInt8]
  /// Ends the page: no value waits any more; `isCoded` tells how they were written.
  mutating func endPage(isCoded: Bool)
  /// Codes no values from the next page on; the first `entryCount` distinct ones stay.
  mutating func stopCoding(entryCount: Int)
  /// Begins a row group.
  mutating func reset()
}

/// The least and greatest value so far, in an order of their own.
struct Extremes<Value> {
  /// Both, `nil` before the first value.
  private(set) var values: (least: Value, greatest: Value)?

  /// Takes a value.
  @inline(__always)
  mutating func take(_ value: Value, by precedes: (Value, Value) -> Bool) {
    guard let (least, greatest) = values else {
      values = (value, value)
      return
    }
    if precedes(value, least) { values = (value, greatest) }
    if precedes(greatest, value) { values = (least, value) }
  }
}
