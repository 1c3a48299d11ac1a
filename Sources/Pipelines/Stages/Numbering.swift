import AlmanacCore
import Columns

/// Numbers for different values, in the order in which they come.
struct Numbering<Value: Hashable & Sendable>: Sendable {
  /// The values by number.
  private(set) var values: [Value] = []
  private var known: [Value: Int32] = [:]

  /// The number of a value, a new one if it has none.
  mutating func number(of value: Value) -> Int32 {
    if let number = known[value] { return number }
    let number = Int32(values.count)
    known[value] = number
    values.append(value)
    return number
  }
}

extension Numbering where Value == UUIDValue {
  /// The number of each row's identifier, -1 for null or another type.
  mutating func numbers(of column: Column) -> [Int32] {
    guard case .uuid(let storage) = column.storage else {
      return [Int32](repeating: -1, count: column.rowCount)
    }
    if let codes = storage.codes {
      var entries = [Int32](repeating: -1, count: storage.values.count)
      return codes.indices.map { row in
        if column.isNull(row) { return -1 }
        let code = Int(codes[row])
        if entries[code] < 0 { entries[code] = number(of: storage.values[code]) }
        return entries[code]
      }
    }
    return (0..<column.rowCount).map { row in
      column.isNull(row) ? -1 : number(of: storage.row(row))
    }
  }
}
