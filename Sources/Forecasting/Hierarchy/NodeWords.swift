import LinearAlgebra

/// Numbers and texts as words of 32 bits, one after another.
struct WordWriter {
  private(set) var words: [UInt32] = []

  mutating func add(_ bits: UInt64) {
    words.append(UInt32(truncatingIfNeeded: bits))
    words.append(UInt32(truncatingIfNeeded: bits >> 32))
  }

  mutating func add(_ number: Int) { add(UInt64(bitPattern: Int64(number))) }

  mutating func add(_ value: Double) { add(value.bitPattern) }

  mutating func add(_ values: [Double]) {
    add(values.count)
    for value in values { add(value) }
  }

  mutating func add(_ numbers: [Int]) {
    add(numbers.count)
    for number in numbers { add(number) }
  }

  mutating func add(_ text: String) {
    let bytes = Array(text.utf8)
    add(bytes.count)
    for start in stride(from: 0, to: bytes.count, by: 4) {
      var word: UInt32 = 0
      for (place, byte) in bytes[start..<min(bytes.count, start + 4)].enumerated() {
        word |= UInt32(byte) << UInt32(8 * place)
      }
      words.append(word)
    }
  }

  /// Whether there is one, and it.
  mutating func add<Value>(optional value: Value?, _ add: (inout WordWriter, Value) -> Void) {
    self.add(value == nil ? 0 : 1)
    if let value { add(&self, value) }
  }
}

/// Reads what a ``WordWriter`` wrote; every function gives `nil` where the words do not go so far.
struct WordReader {
  private var rest: ArraySlice<UInt32>

  init(_ words: [UInt32]) { rest = words[...] }

  /// Whether nothing is left.
  var isAtEnd: Bool { rest.isEmpty }

  mutating func bits() -> UInt64? {
    guard let low = rest.popFirst(), let high = rest.popFirst() else { return nil }
    return UInt64(low) | UInt64(high) << 32
  }

  mutating func integer() -> Int? { bits().map { Int(Int64(bitPattern: $0)) } }

  /// The length of a list of which each element takes some words.
  mutating func count(wordsEach: Int) -> Int? {
    guard let count = integer(), count >= 0, count <= rest.count / wordsEach else { return nil }
    return count
  }

  mutating func doubles() -> [Double]? {
    guard let count = count(wordsEach: 2) else { return nil }
    return list(count) { $0.bits().map { Double(bitPattern: $0) } }
  }

  mutating func integers() -> [Int]? {
    guard let count = count(wordsEach: 2) else { return nil }
    return list(count) { $0.integer() }
  }

  mutating func text() -> String? {
    guard let count = integer(), count >= 0, count <= 4 * rest.count else { return nil }
    var bytes: [UInt8] = []
    for _ in 0..<(count + 3) / 4 {
      guard let word = rest.popFirst() else { return nil }
      for place in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(8 * place))) }
    }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  /// `count` elements; `nil` where one of them is not there.
  mutating func list<Value>(_ count: Int, _ read: (inout WordReader) -> Value?) -> [Value]? {
    var values: [Value] = []
    values.reserveCapacity(count)
    for _ in 0..<count {
      guard let value = read(&self) else { return nil }
      values.append(value)
    }
    return values
  }

  /// A value that may be missing: `nil` outside where the words end, inside where there is none.
  mutating func optional<Value>(_ read: (inout WordReader) -> Value?) -> Value?? {
    switch integer() {
    case 0: return .some(nil)
    case 1:
      guard let value = read(&self) else { return nil }
      return .some(value)
    default: return nil
    }
  }
}

extension NodeForecast {
  /// The forecast as words, from which ``init(words:)`` makes the same to the bit.
  package var words: [UInt32] {
    var writer = WordWriter()
    writer.add(points)
    writer.add(scales)
    writer.add(origins.count)
    for origin in origins { writer.add(optional: origin) { $0.add($1) } }
    writer.add(originScales.count)
    for scales in originScales { writer.add(scales) }
    writer.add(model)
    writer.add(optional: reason) { $0.add($1) }
    writer.add(pulses)
    writer.add(weights.count)
    for weight in weights {
      writer.add(weight.member.rawValue)
      writer.add(weight.share)
    }
    return writer.words
  }

  /// The forecast that words hold; `nil` where they are of another form.
  package init?(words: [UInt32]) {
    var reader = WordReader(words)
    guard let points = reader.doubles(), let scales = reader.doubles(),
      let originCount = reader.count(wordsEach: 2),
      let origins = reader.list(originCount, { $0.optional { $0.doubles() } }),
      let scaleCount = reader.count(wordsEach: 2),
      let originScales = reader.list(scaleCount, { $0.doubles() }), let model = reader.text(),
      let reason = reader.optional({ $0.text() }), let pulses = reader.integers(),
      let weightCount = reader.count(wordsEach: 4),
      let weights = reader.list(weightCount, { $0.weight() }), reader.isAtEnd
    else { return nil }
    self.init(
      points: points, scales: scales, origins: origins, originScales: originScales, model: model,
      reason: reason, pulses: pulses, weights: weights)
  }
}

extension WordReader {
  fileprivate mutating func weight() -> MemberWeight? {
    guard let member = text().flatMap({ EnsembleMember(rawValue: $0) }), let share = bits() else {
      return nil
    }
    return MemberWeight(member: member, share: Double(bitPattern: share))
  }
}

extension HierarchyForecaster {
  /// The version of the arithmetic of nodes, which makes what was found by another one count for nothing.
  ///
  /// It goes up with every change by which a node's forecast becomes another one.
  private static let arithmetic = 1

  /// All that ``node(_:)`` looks at, as words: of equal words it makes equal forecasts, to the bit.
  ///
  /// `nil` for newcomers, which depend on all leaves and cost nothing.
  package func identity(of node: Int) -> [UInt32]? {
    var writer = WordWriter()
    writer.add(HierarchyForecaster.arithmetic)
    writer.add(BLASLibrary.kernelName)
    let isLeaf: Bool
    switch input.nodes[node].role {
    case .newcomers: return nil
    case .aggregate: isLeaf = false
    case .leaf: isLeaf = true
    }
    writer.add(isLeaf ? 1 : 0)
    writer.add(isLeaf ? firstLeafOrigin : 0)
    let values = input.nodes[node].values
    writer.add(values)
    // Of a parent only the seasons are looked at, those that the series itself has.
    let total = seasons(of: values).isEmpty ? [] : input.nodes[0].values
    writer.add(optional: isLeaf || node == 0 ? nil : total) { $0.add($1) }
    writer.add(optional: input.nodes[node].supplied) { $1.write(to: &$0) }
    settings.write(to: &writer)
    writer.add(ends)
    return writer.words
  }
}

extension HierarchySettings {
  /// Writes the settings that single nodes are forecast by.
  fileprivate func write(to writer: inout WordWriter) {
    for number in [horizon, season, step, shortest] { writer.add(number) }
    writer.add(optional: longerSeason) { $0.add($1) }
    writer.add(isLevel ? 1 : 0)
    writer.add(isNonnegative ? 1 : 0)
    writer.add(optional: special) { writer, special in
      writer.add(special.kinds)
      writer.add(special.kindCount)
      writer.add(special.cycle)
    }
    writer.add(optional: months) { writer, months in
      writer.add(months.lengths)
      writer.add(months.workingShares)
    }
  }
}
