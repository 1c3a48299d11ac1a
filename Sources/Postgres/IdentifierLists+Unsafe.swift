import AlmanacCore
import Columns

/// Collects lists of identifiers, one for each row.
///
/// The elements are plain: a list is rare, and a dictionary is made when a batch is compacted.
struct IdentifierLists {
  private var elements: [UUIDValue] = []
  private var offsets = [0]

  /// Adds the list of a null row, which has no element.
  mutating func appendNull() {
    offsets.append(elements.count)
  }

  /// Adds an array as the server writes it in `length` readable bytes, or tells why not.
  ///
  /// In front are the number of dimensions, a flag for nulls and the type of the elements; then
  /// come size and lower bound of the dimension, and each element behind its length. The lower
  /// bound is not kept: a list has none.
  mutating func append(_ start: UnsafeRawPointer, length: Int) -> ValueFailure.Problem? {
    guard length >= 12, unsafe number(start + 8) == Int32(bitPattern: uuidOID) else {
      return .malformed
    }
    switch unsafe (number(start), length) {
    case (0, 12): break
    case (1, 20...):
      if let problem = unsafe appendElements(start + 20, length: length - 20, number(start + 12)) {
        return problem
      }
    case (2...6, _): return .nested
    default: return .malformed
    }
    offsets.append(elements.count)
    return nil
  }

  private mutating func appendElements(
    _ start: UnsafeRawPointer, length: Int, _ count: Int32
  ) -> ValueFailure.Problem? {
    var position = 0
    for _ in 0..<max(0, count) {
      guard length - position >= 4 else { return .malformed }
      let size = unsafe number(start + position)
      if size == -1 { return .nullElement }
      guard size == 16, length - position >= 20 else { return .malformed }
      unsafe elements.append(UUIDValue(bigEndian: start + (position + 4)))
      position += 20
    }
    return position == length && count >= 0 ? nil : .malformed
  }

  private func number(_ start: UnsafeRawPointer) -> Int32 {
    unsafe Int32(bigEndian: start.loadUnaligned(as: Int32.self))
  }

  /// The lists so far; there are none after that.
  mutating func take() -> UUIDListStorage {
    let taken = UUIDListStorage(elements: UUIDStorage(values: elements), offsets: offsets)
    self = IdentifierLists()
    return taken
  }
}

extension UUIDValue {
  /// The identifier in sixteen readable bytes.
  @inline(__always)
  init(bigEndian start: UnsafeRawPointer) {
    unsafe self.init(
      high: UInt64(bigEndian: start.loadUnaligned(as: UInt64.self)),
      low: UInt64(bigEndian: (start + 8).loadUnaligned(as: UInt64.self)))
  }
}
