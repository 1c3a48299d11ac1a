/// The order statistics of the last values of a stream.
///
/// Values are kept sorted, so a value costs a search and a move of at most ``capacity`` numbers.
struct SlidingQuantiles {
  /// The number of values that are kept.
  let capacity: Int
  private var queue: [Double] = []
  private var head = 0
  private var sorted: [Double] = []

  /// An empty window of a size of at least 1.
  init(capacity: Int) {
    self.capacity = max(1, capacity)
  }

  /// The number of values in the window.
  var count: Int { sorted.count }

  /// The sum of the values, added in their order of size.
  var sum: Double { sorted.reduce(0, +) }

  /// Adds a value, and drops the oldest where the window is full.
  mutating func append(_ value: Double) {
    if sorted.count == capacity {
      sorted.remove(at: place(of: queue[head]))
      queue[head] = value
      head = (head + 1) % capacity
    } else {
      queue.append(value)
    }
    sorted.insert(value, at: place(of: value))
  }

  /// The smallest value that at least the share `level` of the window does not exceed.
  ///
  /// - Precondition: the window is not empty.
  func quantile(_ level: Double) -> Double {
    let rank = (level * Double(sorted.count)).rounded(.up)
    return sorted[min(sorted.count - 1, max(0, Int(rank) - 1))]
  }

  /// The median, of an even number of values the mean of the two in the middle.
  ///
  /// - Precondition: the window is not empty.
  var median: Double {
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// The first place whose value is not below another.
  private func place(of value: Double) -> Int {
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// The median of the known values among some, or `nil` if fewer than `minimum` are known.
func medianOfKnown(_ values: some Sequence<Double>, minimum: Int = 1) -> Double? {
  let known = values.filter { !$0.isNaN }.sorted()
  guard known.count >= max(1, minimum) else { return nil }
  let middle = known.count / 2
  return known.count % 2 == 1 ? known[middle] : (known[middle - 1] + known[middle]) / 2
}
