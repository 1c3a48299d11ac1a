import Glibc
import LinearAlgebra

/// The logarithms of a series, for those that begin as it does.
struct KnownLogarithms: Sendable {
  private let values: [Double]
  private let logarithms: [Double]

  /// The logarithms of values; of such as are not above zero nothing is used.
  init(_ values: [Double]) {
    self.values = values
    logarithms = values.map { log($0) }
  }

  /// The logarithms of values above zero: those known where a value is that of the same place.
  func logarithms(of others: [Double]) -> [Double] {
    var places = others.indices.makeIterator()
    return others.map { value in
      let place = places.next() ?? 0
      return place < values.count && values[place] == value ? logarithms[place] : log(value)
    }
  }
}

/// Harmonic regressions of several series of one length and season, made side by side.
struct HarmonicBatch {
  /// A series on levels or logarithms, with the best of a basis' penalties for it.
  struct Image {
    /// The position of the series.
    let series: Int
    /// Whether it is on logarithms.
    let isLogarithmic: Bool
    /// The mean.
    let mean: Double
    /// The largest value.
    let highest: Double
    /// The sum of the squares less the mean.
    let square: Double
    /// The score of the best penalties: the logarithm of a mean squared error, of the values.
    var score = Double.infinity
    /// The position of these penalties.
    var choice = 0
    /// The degrees of freedom of the fit.
    var freedom = 0.0

    /// The column of the batch, two per series.
    var column: Int { 2 * series + (isLogarithmic ? 1 : 0) }
  }

  private let basis: HarmonicBasis
  private let seriesCount: Int
  private let width: Int
  /// The images of all series less their means, a column each; zeros where a series has none.
  private var centred: Matrix
  private var images: [Image] = []

  /// The images of series; what `logarithms` and `width` are for, ``FittedHarmonics`` says.
  init(
    _ series: [[Double]], logarithms known: [KnownLogarithms?], basis: HarmonicBasis, width: Int
  ) throws(LinearAlgebraError) {
    self.basis = basis
    self.width = width
    seriesCount = series.count
    centred = Matrix(rowCount: basis.training.rowCount, reservingColumns: 2 * width)
    let nothing = [Double](repeating: 0, count: basis.training.rowCount)
    for position in 0..<width {
      var columns: (levels: [Double]?, logarithms: [Double]?) = (nil, nil)
      if position < series.count {
        let values = series[position]
        if let logarithms = logarithms(of: values, known: known[position]) {
          let sums = SeriesLoops.sums(values, logarithms)
          columns.levels = add(values, sum: sums.0, of: position, isLogarithmic: false)
          columns.logarithms = add(logarithms, sum: sums.1, of: position, isLogarithmic: true)
        } else {
          let sum = values.reduce(0, +)
          columns.levels = add(values, sum: sum, of: position, isLogarithmic: false)
        }
      }
      try centred.append(columns.levels ?? nothing)
      try centred.append(columns.logarithms ?? nothing)
    }
  }

  /// The logarithms of values; `nil` unless all are above zero.
  private func logarithms(of values: [Double], known: KnownLogarithms?) -> [Double]? {
    guard values.allSatisfy({ $0 > 0 }) else { return nil }
    return known?.logarithms(of: values) ?? values.map { log($0) }
  }

  /// Notes an image and returns it less its mean; `nil` for equal values.
  private mutating func add(
    _ values: [Double], sum: Double, of series: Int, isLogarithmic: Bool
  ) -> [Double]? {
    let mean = sum / Double(values.count)
    let centred = SeriesLoops.less(values, mean)
    let square = laggedProducts(centred, through: 0)[0]
    // What is left of equal values is rounding.
    guard square > Double(values.count) * mean * mean * 1e-26 else { return nil }
    images.append(
      Image(
        series: series, isLogarithmic: isLogarithmic, mean: mean,
        highest: SeriesLoops.range(values).high, square: square))
    return centred
  }

  /// The fits in the order of the series; `nil` where a series has none.
  func fits() throws(LinearAlgebraError) -> [FittedHarmonics?] {
    let moments = try basis.training.transposedTimes(centred)
    let solutions = try basis.inverses.times(moments)
    var best = [Image?](repeating: nil, count: seriesCount)
    for image in images {
      guard let scored = scored(image, moments: moments, solutions: solutions) else { continue }
      // Of equal scores that on levels counts, which comes first.
      if best[image.series].map({ scored.score < $0.score }) ?? true {
        best[image.series] = scored
      }
    }
    let rows = moments.rowCount
    var coefficients = Matrix(zeroRowCount: rows, columnCount: width)
    for case let image? in best {
      for row in 0..<rows {
        coefficients[row, image.series] =
          solutions[row * basis.freedoms.count + image.choice, image.column]
      }
    }
    let fitted = try basis.training.times(coefficients)
    let ahead = try basis.future.times(coefficients)
    return best.map { image in
      guard let image else { return nil }
      return FittedHarmonics(
        image, residuals: residuals(image, fitted), ahead: ahead.column(image.series))
    }
  }

  /// What a regression leaves of an image.
  private func residuals(_ image: Image, _ fitted: Matrix) -> [Double] {
    centred.withColumn(image.column) { values in
      fitted.withColumn(image.series) { fitted in
        values.indices.map { values[$0] - fitted[$0] }
      }
    }
  }

  /// An image with its best penalties; `nil` where no score is finite.
  private func scored(_ image: Image, moments: Matrix, solutions: Matrix) -> Image? {
    let residuals = basis.residuals(
      square: image.square, moments: moments, solutions: solutions, column: image.column)
    let count = Double(centred.rowCount)
    var best: (score: Double, choice: Int)?
    for (choice, freedom) in basis.freedoms.enumerated() {
      let left = count - FittedHarmonics.costOfFreedom * freedom
      guard left > 1 else { continue }
      let score = count * max(residuals[choice], image.square * 1e-14) / (left * left)
      if best.map({ score < $0.score }) ?? true { best = (score, choice) }
    }
    guard let best, best.score.isFinite else { return nil }
    // The density of a value is that of its logarithm over the value.
    let jacobian = image.isLogarithmic ? 2 * image.mean : 0
    var scored = image
    scored.score = log(max(best.score, .leastNormalMagnitude)) + jacobian
    scored.choice = best.choice
    scored.freedom = basis.freedoms[best.choice]
    return scored
  }
}
