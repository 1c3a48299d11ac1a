import Columns
import FoundationEssentials
import LinearAlgebra
import Parquet
import Regression

/// How much memory a fit takes, by that of its design matrix.
struct RegressionMemory {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  /// The most that a fit of the design has resident over the design's own size: what was resident
  /// before and is not the design does not count.
  func fit(
    _ model: GeneralizedLinearModel, _ design: Matrix, _ outcome: [Double]
  ) throws -> Figure {
    let before = try ResidentMemory.current()
    let peak = try ResidentMemory.peak {
      _ = try model.fit(design, outcome, infers: true)
    }
    let size = RegressionMemory.size(design)
    return Figure(
      measure: "memory of the fit L1M, by its design", ours: (size + Double(peak - before)) / 1e6,
      peer: size / 1e6, comparison: .share(atMost: 1.3))
  }

  /// The most that `almanac fit` of a declared model has resident, from a Parquet file on, by the
  /// design that it fits: one column for each of the file's and one of ones.
  func program(_ columns: [[Double]], _ outcome: [Double]) throws -> Figure {
    let file = "\(options.folder)/regression.parquet"
    let model = "\(options.folder)/regression.yaml"
    let out = "\(options.folder)/regression.json"
    defer { for path in [file, model, out] { try? FileManager.default.removeItem(atPath: path) } }
    let names = columns.indices.map { "x\($0 + 1)" }
    let batch = Batch(
      [Column(Field("y", .float64), .float64(outcome))]
        + zip(names, columns).map { Column(Field($0, .float64), .float64($1)) })
    try writeFile(ParquetFile.encode(batch), to: file)
    let terms = names.map { "  - {column: \($0), kind: numeric}\n" }.joined()
    try writeFile(Array("target: y\nterms:\n\(terms)".utf8), to: model)
    let run = try ProgramRun.measure(
      [options.almanac, "fit", "--data", file, "--model", model, "--out", out], options)
    note("regression: almanac fit took \(run.seconds) s")
    let size = 8 * Double(outcome.count) * Double(columns.count + 1)
    return Figure(
      measure: "memory of almanac fit from Parquet, by its design",
      ours: Double(run.peakMemory) / 1e6, peer: size / 1e6, comparison: .share(atMost: 1.3))
  }

  private static func size(_ design: Matrix) -> Double {
    8 * Double(design.rowCount) * Double(design.columnCount)
  }
}
