import AlmanacCore
import Columns

/// What stands for the values of some columns in a row, 128 bits wide.
///
/// An identifier stands for itself. Of other columns, and of several, it is a ``KeyedHash`` whose
/// seed nobody knows: nobody can choose values that meet in one, and a billion rows meet by chance
/// with a probability below 10⁻²⁰.
typealias KeyValue = UUIDValue

extension Batch {
  /// What stands for each row's values of the named columns, all of which exist.
  ///
  /// Rows with equal values, nulls among them, get equal ones, however the columns are stored. Those
  /// of another program are other ones unless the seed is ``KeyedHash/Seed/stored``, whose hashes
  /// decide nothing alone.
  func keyValues(of names: [String], seed: KeyedHash.Seed = .program) -> [KeyValue] {
    let columns = names.map { name in
      guard let column = self[name] else { preconditionFailure("no column \(name)") }
      return column
    }
    if columns.count == 1, let identifiers = columns[0].identifiers(null: seed.null) {
      return identifiers
    }
    let parts = columns.map { $0.valueDigests(seed) }
    return (0..<rowCount).map { row in
      var hash = KeyedHash(seed)
      for part in parts {
        let value = part.row(row)
        hash.absorb(value.high)
        hash.absorb(value.low)
      }
      return hash.value()
    }
  }

  /// What stands for each row's values of the named columns, `nil` where one of them is null.
  func wholeKeyValues(
    of names: [String], seed: KeyedHash.Seed = .program
  ) -> [KeyValue?] {
    let values = keyValues(of: names, seed: seed)
    let nullable = names.compactMap { self[$0] }.filter { $0.nullCount > 0 }
    // Element by element: a cast of the whole array looks at each of them at run time.
    if nullable.isEmpty { return values.map { Optional($0) } }
    return values.indices.map { row in
      nullable.contains { $0.isNull(row) } ? nil : values[row]
    }
  }
}

/// A hash of words with a seed, 128 bits wide: SipHash-1-3.
///
/// - SeeAlso: J.-P. Aumasson and D. J. Bernstein, SipHash: a fast short-input PRF, 2012.
struct KeyedHash {
  /// What tells the hashes of one use from those of another.
  struct Seed: Hashable, Sendable {
    fileprivate var low: UInt64
    fileprivate var high: UInt64
    /// What stands for no value: no number, text or identifier is hashed to it but by chance.
    fileprivate var null: KeyValue {
      var hash = KeyedHash(self)
      hash.absorb(.max)
      return hash.value()
    }

    /// Drawn when the program starts.
    static let program = Seed(low: .random(in: .min ... .max), high: .random(in: .min ... .max))
    /// Known to everybody: for what files keep, which says only where to look.
    static let stored = Seed(low: 0x243F_6A88_85A3_08D3, high: 0x1319_8A2E_0370_7344)
  }

  private var first: UInt64
  private var second: UInt64
  private var third: UInt64
  private var fourth: UInt64

  /// The hash of no word.
  @inline(__always)
  init(_ seed: Seed) {
    first = seed.low ^ 0x736F_6D65_7073_6575
    second = seed.high ^ 0x646F_7261_6E64_6F6D ^ 0xEE
    third = seed.low ^ 0x6C79_6765_6E65_7261
    fourth = seed.high ^ 0x7465_6462_7974_6573
  }

  @inline(__always)
  private mutating func round() {
    first &+= second
    third &+= fourth
    second = (second << 13 | second >> 51) ^ first
    fourth = (fourth << 16 | fourth >> 48) ^ third
    first = first << 32 | first >> 32
    third &+= second
    first &+= fourth
    second = (second << 17 | second >> 47) ^ third
    fourth = (fourth << 21 | fourth >> 43) ^ first
    third = third << 32 | third >> 32
  }

  /// Takes the next word.
  @inline(__always)
  mutating func absorb(_ word: UInt64) {
    fourth ^= word
    round()
    first ^= word
  }

  /// Takes bytes and their number, eight at a time.
  mutating func absorb(bytes: ArraySlice<UInt8>) {
    absorb(UInt64(bytes.count))
    var word: UInt64 = 0
    var filled = 0
    for byte in bytes {
      word = word << 8 | UInt64(byte)
      filled += 1
      if filled == 8 {
        absorb(word)
        word = 0
        filled = 0
      }
    }
    if filled > 0 { absorb(word) }
  }

  /// The hash of the words so far.
  @inline(__always)
  func value() -> KeyValue {
    var state = self
    state.third ^= 0xEE
    for _ in 0..<3 { state.round() }
    let low = state.first ^ state.second ^ state.third ^ state.fourth
    state.second ^= 0xDD
    for _ in 0..<3 { state.round() }
    return KeyValue(
      high: state.first ^ state.second ^ state.third ^ state.fourth, low: low)
  }
}

/// A digest for each row, by way of a dictionary where the column has one.
private struct ValueDigests {
  var entries: [KeyValue]
  var codes: [UInt32]?
  var validity: ValidityBitmap?
  var null: KeyValue

  func row(_ row: Int) -> KeyValue {
    if let validity, !validity[row] { return null }
    return entries[codes.map { Int($0[row]) } ?? row]
  }
}

extension Column {
  /// The identifiers of the rows, `null` where a row has none; `nil` for a column of another type.
  fileprivate func identifiers(null: KeyValue) -> [UUIDValue]? {
    guard case .uuid(let storage) = storage else { return nil }
    var identifiers =
      storage.codes.map { codes in codes.map { storage.values[Int($0)] } } ?? storage.values
    if validity != nil {
      for row in identifiers.indices where isNull(row) { identifiers[row] = null }
    }
    return identifiers
  }

  fileprivate func valueDigests(_ seed: KeyedHash.Seed) -> ValueDigests {
    func digests(_ entries: [KeyValue], _ codes: [UInt32]? = nil) -> ValueDigests {
      ValueDigests(entries: entries, codes: codes, validity: validity, null: seed.null)
    }
    // A number of 128 bits is its own digest.
    func digests(of numbers: [Int128]) -> ValueDigests {
      digests(
        numbers.map { value in
          KeyValue(
            high: UInt64(truncatingIfNeeded: value >> 64), low: UInt64(truncatingIfNeeded: value))
        })
    }
    switch storage {
    case .bool(let values): return digests(of: values.map { $0 ? 1 : 0 })
    case .int32(let values): return digests(of: values.map { Int128($0) })
    case .int64(let values): return digests(of: values.map { Int128($0) })
    case .int128(let values): return digests(of: values)
    case .float32(let values): return digests(of: values.map { Int128($0.bitPattern) })
    case .float64(let values): return digests(of: values.map { Int128($0.bitPattern) })
    case .uuid(let values): return digests(values.values, values.codes)
    case .uuidList(let lists):
      return digests(
        (0..<rowCount).map { row in
          var hash = KeyedHash(seed)
          hash.absorb(UInt64(lists.offsets[row + 1] - lists.offsets[row]))
          for index in lists.offsets[row]..<lists.offsets[row + 1] {
            let value = lists.elements.row(index)
            hash.absorb(value.high)
            hash.absorb(value.low)
          }
          return hash.value()
        })
    case .text(let values):
      return digests(
        (0..<values.entryCount).map { entry in
          var hash = KeyedHash(seed)
          hash.absorb(bytes: values.entry(entry))
          return hash.value()
        }, values.codes)
    }
  }
}
