/// Loops over the values of a series, each without checks of bounds inside, since those of the millions of
/// values of many series would cost more than their arithmetic.
///
/// Every sum is taken in the order of the values, so that results are those of plain loops to the bit.
enum SeriesLoops {
  /// Each value but the first less the one before.
  static func changes(_ values: [Double]) -> [Double] {
    guard values.count > 1 else { return [] }
    return unsafe values.withUnsafeBufferPointer { values in
      unsafe [Double](unsafeUninitializedCapacity: values.count - 1) { result, count in
        count = values.count - 1
        for index in 0..<count { unsafe result[index] = values[index + 1] - values[index] }
      }
    }
  }

  /// The distance of each value from a centre.
  static func distances(_ values: [Double], from centre: Double) -> [Double] {
    mapped(values) { abs($0 - centre) }
  }

  /// Each value less an amount.
  static func less(_ values: [Double], _ amount: Double) -> [Double] {
    mapped(values) { $0 - amount }
  }

  /// The smallest and the largest value, of values that are no NaN; zeros without any.
  static func range(_ values: [Double]) -> (low: Double, high: Double) {
    guard let first = values.first else { return (0, 0) }
    return unsafe values.withUnsafeBufferPointer { values in
      // Four of each side by side, since one alone would wait for each comparison.
      var low = SIMD4<Double>(repeating: first)
      var high = low
      let whole = values.count / 4 * 4
      for start in stride(from: 0, to: whole, by: 4) {
        let part = unsafe SIMD4(
          values[start], values[start + 1], values[start + 2], values[start + 3])
        low.replace(with: part, where: part .< low)
        high.replace(with: part, where: part .> high)
      }
      var (least, most) = (low.min(), high.max())
      for index in whole..<values.count {
        let value = unsafe values[index]
        if value < least { least = value }
        if value > most { most = value }
      }
      return (least, most)
    }
  }

  /// The sums of two lists of one length.
  static func sums(_ left: [Double], _ right: [Double]) -> (Double, Double) {
    precondition(left.count == right.count, "lists of \(left.count) and \(right.count)")
    return unsafe left.withUnsafeBufferPointer { left in
      unsafe right.withUnsafeBufferPointer { right in
        // Side by side, since each sum waits for every addition.
        var sums = (0.0, 0.0)
        for index in 0..<left.count {
          sums.0 += unsafe left[index]
          sums.1 += unsafe right[index]
        }
        return sums
      }
    }
  }

  /// The sums of as many neighbours as a window takes, that of the first ones first.
  static func slidingSums(_ values: [Double], window: Int) -> [Double] {
    guard window > 0, values.count >= window else { return [] }
    return unsafe values.withUnsafeBytes { bytes in
      unsafe [Double](unsafeUninitializedCapacity: values.count - window + 1) { result, count in
        count = values.count - window + 1
        let size = MemoryLayout<Double>.stride
        var start = 0
        // Eight sums side by side; each still takes its values in order.
        while start + 8 <= count {
          var sums = SIMD8<Double>(repeating: 0)
          for offset in start..<(start + window) {
            sums += unsafe bytes.loadUnaligned(
              fromByteOffset: offset * size, as: SIMD8<Double>.self)
          }
          for lane in 0..<8 { unsafe result[start + lane] = sums[lane] }
          start += 8
        }
        while start < count {
          var sum = 0.0
          for offset in start..<(start + window) {
            sum += unsafe bytes.loadUnaligned(fromByteOffset: offset * size, as: Double.self)
          }
          unsafe result[start] = sum
          start += 1
        }
      }
    }
  }

  /// Sums, sums of squares and counts per position in a season of what values are beside their trend,
  /// where that is no NaN.
  static func seasonalSums(
    _ values: [Double], trend: [Double], length: Int, kind: SeasonalIndices.Kind
  ) -> (sums: [Double], squares: [Double], counts: [Int]) {
    precondition(values.count == trend.count && length > 0, "a trend of another series")
    var sums = [Double](repeating: 0, count: length)
    var squares = sums
    var counts = [Int](repeating: 0, count: length)
    let isRatio = kind == .multiplicative
    unsafe values.withUnsafeBufferPointer { values in
      unsafe trend.withUnsafeBufferPointer { trend in
        unsafe sums.withUnsafeMutableBufferPointer { sums in
          unsafe squares.withUnsafeMutableBufferPointer { squares in
            unsafe counts.withUnsafeMutableBufferPointer { counts in
              var position = 0
              for index in 0..<values.count {
                let level = unsafe trend[index]
                if !level.isNaN {
                  let deviation = unsafe isRatio ? values[index] / level : values[index] - level
                  unsafe sums[position] += deviation
                  unsafe squares[position] += deviation * deviation
                  unsafe counts[position] += 1
                }
                // Counted on, since a division for each value would cost more than all else here.
                position = position + 1 == length ? 0 : position + 1
              }
            }
          }
        }
      }
    }
    return (sums, squares, counts)
  }

  /// Each value with the index of its position in the season, that of the first value given.
  @inline(__always)
  static func seasonal(
    _ values: [Double], _ indices: [Double], from first: Int,
    _ combine: (Double, Double) -> Double
  ) -> [Double] {
    precondition(indices.indices.contains(first), "position \(first) of \(indices.count)")
    return unsafe values.withUnsafeBufferPointer { values in
      unsafe indices.withUnsafeBufferPointer { indices in
        unsafe [Double](unsafeUninitializedCapacity: values.count) { result, count in
          count = values.count
          var position = first
          for place in 0..<count {
            unsafe result[place] = combine(values[place], indices[position])
            position = position + 1 == indices.count ? 0 : position + 1
          }
        }
      }
    }
  }

  @inline(__always)
  private static func mapped(
    _ values: [Double], _ transform: (Double) -> Double
  ) -> [Double] {
    unsafe values.withUnsafeBufferPointer { values in
      unsafe [Double](unsafeUninitializedCapacity: values.count) { result, count in
        count = values.count
        for index in 0..<count { unsafe result[index] = transform(values[index]) }
      }
    }
  }
}
