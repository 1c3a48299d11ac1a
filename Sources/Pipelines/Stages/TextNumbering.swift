import AlmanacCore
import Columns

extension Numbering where Value == String {
  /// The number of each row's text; identifiers in their usual form, null as the empty text.
  mutating func texts(of column: Column) -> [Int32] {
    switch column.storage {
    case .text(let storage):
      let entries = (0..<storage.entryCount).map {
        number(of: String(decoding: storage.entry($0), as: UTF8.self))
      }
      let none = number(of: noMember)
      return (0..<column.rowCount).map { row in
        column.isNull(row) ? none : entries[storage.codes.map { Int($0[row]) } ?? row]
      }
    case .uuid(let storage):
      let none = number(of: UUIDValue.zero.description)
      if let codes = storage.codes {
        let entries = storage.values.map { number(of: $0.description) }
        return codes.indices.map { column.isNull($0) ? none : entries[Int(codes[$0])] }
      }
      return (0..<column.rowCount).map { row in
        column.isNull(row) ? none : number(of: storage.row(row).description)
      }
    default:
      let none = number(of: noMember)
      return [Int32](repeating: none, count: column.rowCount)
    }
  }
}

/// The member of rows that have no value to be split by.
private let noMember = "none"

/// What each text means, worked out once for each different text; `nil` for null.
func textValues<Meaning>(
  _ column: Column, _ meaning: (String) -> Meaning?
) -> (Int) -> Meaning? {
  guard case .text(let storage) = column.storage else { return { _ in nil } }
  let meanings = (0..<storage.entryCount).map {
    meaning(String(decoding: storage.entry($0), as: UTF8.self))
  }
  return { row in
    column.isNull(row) ? nil : meanings[storage.codes.map { Int($0[row]) } ?? row]
  }
}
