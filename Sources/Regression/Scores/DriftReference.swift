import Glibc

/// How a number was distributed once, in bins of about equal count, to tell later whether it has
/// moved.
package struct DriftReference: Codable, Equatable, Sendable {
  /// The inner edges of the bins, ascending; a value equal to an edge lies below it.
  package let edges: [Double]
  /// The share of values in each bin; one more than edges.
  package let shares: [Double]
  /// The share of missing values.
  package let missingShare: Double

  /// The distribution of values, NaN where missing.
  ///
  /// A value that several quantiles fall on makes one bin of them. The edges are those of 100,000
  /// evenly spaced values where there are more; the shares are always of all.
  ///
  /// - Parameters:
  ///   - values: the values.
  ///   - bins: how many.
  ///   - ascending: the finite ones in order, where they are known; they are sorted otherwise.
  /// - Throws: `.unusableRows` where every value is missing.
  package init(
    _ values: [Double], bins: Int = 10, ascending: [Double]? = nil
  ) throws(RegressionError) {
    var present = values.filter { !$0.isNaN }
    let isComplete = ascending?.count == present.count
    let most = 100_000
    if present.count > most {
      let largest = present.max() ?? 0
      let step = (present.count + most - 1) / most
      present = stride(from: 0, to: present.count, by: step).map { present[$0] } + [largest]
    }
    let isWhole = isComplete && ascending?.count == present.count
    let sorted = isWhole ? ascending ?? [] : present.sorted()
    guard let largest = sorted.last else {
      throw .unusableRows("a reference of a distribution needs at least one value")
    }
    var edges: [Double] = []
    let count = max(2, bins)
    for index in 1..<count {
      let edge = sorted[min(sorted.count - 1, index * sorted.count / count)]
      if edge < largest, edge > edges.last ?? -.infinity { edges.append(edge) }
    }
    self.edges = edges
    if isComplete, let ascending {
      // In order, the values of a bin lie side by side.
      let total = Double(max(1, values.count))
      let ends = edges.map { DriftReference.count(ascending, upTo: $0) } + [ascending.count]
      shares = zip(ends, [0] + ends).map { Double($0 - $1) / total }
      missingShare = Double(values.count - ascending.count) / total
    } else {
      (shares, missingShare) = DriftReference.shares(values, edges)
    }
  }

  /// How many of some ascending values are at most a given one.
  private static func count(_ ascending: [Double], upTo value: Double) -> Int {
    var low = 0
    var high = ascending.count
    while low < high {
      let middle = (low + high) / 2
      if ascending[middle] <= value { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The population stability index of newer values, with a bin of its own for missing ones.
  ///
  /// That is `Σ (q − p)·log(q/p)`; below 0.1 is commonly read as no change, above 0.25 as a large one.
  package func stabilityIndex(_ values: [Double], referenceCount: Int) -> Double {
    guard !values.isEmpty, referenceCount > 0 else { return 0 }
    let (newer, newerMissing) = DriftReference.shares(values, edges)
    let pairs = zip(shares + [missingShare], newer + [newerMissing]).map { (older: $0, newer: $1) }
    return populationStability(
      pairs, referenceCount: referenceCount, newerCount: values.count)
  }

  /// The largest difference of the two distribution functions at the edges, missing values aside:
  /// at most the Kolmogorov-Smirnov distance of the values themselves.
  package func largestDistance(_ values: [Double]) -> Double {
    let (newer, newerMissing) = DriftReference.shares(values, edges)
    guard missingShare < 1, newerMissing < 1 else { return 0 }
    var older = 0.0
    var later = 0.0
    var largest = 0.0
    for (first, second) in zip(shares, newer) {
      older += first / (1 - missingShare)
      later += second / (1 - newerMissing)
      largest = max(largest, abs(older - later))
    }
    return largest
  }

  private static func shares(
    _ values: [Double], _ edges: [Double]
  ) -> (bins: [Double], missing: Double) {
    var counts = [Double](repeating: 0, count: edges.count + 1)
    var missing = 0.0
    for value in values {
      guard !value.isNaN else {
        missing += 1
        continue
      }
      var low = 0
      var high = edges.count
      while low < high {
        let middle = (low + high) / 2
        if edges[middle] < value { low = middle + 1 } else { high = middle }
      }
      counts[low] += 1
    }
    let total = Double(max(1, values.count))
    return (counts.map { $0 / total }, missing / total)
  }
}

/// `Σ (q − p)·log(q/p)` of older and newer shares; an empty bin counts as half a row, or the sum would
/// be infinite.
func populationStability(
  _ pairs: [(older: Double, newer: Double)], referenceCount: Int, newerCount: Int
) -> Double {
  pairs.reduce(0) { sum, pair in
    guard pair.older > 0 || pair.newer > 0 else { return sum }
    let older = max(pair.older, 0.5 / Double(referenceCount))
    let later = max(pair.newer, 0.5 / Double(newerCount))
    return sum + (later - older) * log(later / older)
  }
}
