import Testing

/// Two of NIST's Statistical Reference Datasets for linear regression.
///
/// Source: <https://www.itl.nist.gov/div898/strd/lls/lls.shtml>, files `Norris.dat` and
/// `Longley.dat`; a work of the United States government, in the public domain. The certified
/// values were computed there with 500 digits and are printed with 15.
struct CertifiedRegression: Sendable, CustomTestStringConvertible {
  let name: String
  let target: [Double]
  /// One row per observation, without the intercept.
  let predictors: [[Double]]
  /// The intercept first.
  let coefficients: [Double]
  let standardErrors: [Double]
  let residualSumOfSquares: Double

  var testDescription: String { name }

  static let norris = CertifiedRegression(
    name: "Norris",
    target: [
      0.1, 338.8, 118.1, 888, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1,
      668.8, 339.3, 448.9, 10.8, 557.7, 228.3, 998, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888,
      998.5, 778.9, 10.2, 117.6, 228.9, 668.4, 449.2, 0.2,
    ],
    predictors: [
      [0.2], [337.4], [118.2], [884.6], [10.1], [226.5], [666.3], [996.3], [448.6], [777],
      [558.2], [0.4], [0.6], [775.5], [666.9], [338], [447.5], [11.6], [556], [228.1], [995.8],
      [887.6], [120.2], [0.3], [0.3], [556.8], [339.1], [887.2], [999], [779], [11.1], [118.3],
      [229.2], [669.1], [448.9], [0.5],
    ],
    coefficients: [
      -0.262323073774029, 1.00211681802045,
    ],
    standardErrors: [
      0.232818234301152, 0.000429796848199937,
    ],
    residualSumOfSquares: 26.6173985294224)

  static let longley = CertifiedRegression(
    name: "Longley",
    target: [
      60323, 61122, 60171, 61187, 63221, 63639, 64989, 63761, 66019, 67857, 68169, 66513, 68655,
      69564, 69331, 70551,
    ],
    predictors: [
      [83, 234289, 2356, 1590, 107608, 1947],
      [88.5, 259426, 2325, 1456, 108632, 1948],
      [88.2, 258054, 3682, 1616, 109773, 1949],
      [89.5, 284599, 3351, 1650, 110929, 1950],
      [96.2, 328975, 2099, 3099, 112075, 1951],
      [98.1, 346999, 1932, 3594, 113270, 1952],
      [99, 365385, 1870, 3547, 115094, 1953],
      [100, 363112, 3578, 3350, 116219, 1954],
      [101.2, 397469, 2904, 3048, 117388, 1955],
      [104.6, 419180, 2822, 2857, 118734, 1956],
      [108.4, 442769, 2936, 2798, 120445, 1957],
      [110.8, 444546, 4681, 2637, 121950, 1958],
      [112.6, 482704, 3813, 2552, 123366, 1959],
      [114.2, 502601, 3931, 2514, 125368, 1960],
      [115.7, 518173, 4806, 2572, 127852, 1961],
      [116.9, 554894, 4007, 2827, 130081, 1962],
    ],
    coefficients: [
      -3_482_258.63459582, 15.0618722713733, -0.035819179292591, -2.02022980381683,
      -1.03322686717359, -0.0511041056535807, 1829.15146461355,
    ],
    standardErrors: [
      890420.383607373, 84.9149257747669, 0.0334910077722432, 0.488399681651699,
      0.214274163161675, 0.22607320006937, 455.478499142212,
    ],
    residualSumOfSquares: 836424.055505915)
}
