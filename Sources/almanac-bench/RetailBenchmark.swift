import AlmanacCore
import Codecs
import Forecasting
import FoundationEssentials
import SampleSources

/// Forecasts the monthly total of a real shop one to three months ahead, from every origin that has a
/// season before it, and tells what is published: the combination where its skill over seasonal naive
/// is above zero, else seasonal naive.
///
/// The data is no part of the repository: `online-retail/{2009-2010,2010-2011}.csv.zst` beside the
/// competitions' data. The months are December 2009 to November 2011; the nine days of December 2011
/// are left out.
struct RetailBenchmark {
  /// The folder of the data.
  let folder: String

  private static let files = ["2009-2010", "2010-2011"]
  /// The first month of the later file, which counts where both have rows.
  private static let overlap = "2010-12"
  private static let months = 24
  private static let horizon = 3
  /// WAPE in per cent that seasonal naive reaches.
  private static let target = 8.7

  /// The figure, or none where the data is missing.
  func run() throws -> [Figure] {
    let paths = RetailBenchmark.files.map { "\(folder)/online-retail/\($0).csv.zst" }
    guard paths.allSatisfy({ FileManager.default.fileExists(atPath: $0) }) else {
      note("forecast: no retail data in \(folder); its figure is left out")
      return []
    }
    note("forecast: months of a shop")
    let values = try monthlyTotals(paths)
    guard let start = CalendarDate("2009-12-01") else { preconditionFailure("a date") }
    var settings = HierarchySettings(horizon: RetailBenchmark.horizon, season: 12)
    settings.months = MonthDays(from: start, count: values.count + RetailBenchmark.horizon)
    let forecaster = try HierarchyForecaster(
      HierarchyInput(
        nodes: [HierarchyInput.Node(role: .aggregate, values: values, group: 0)], sums: []),
      settings: settings)
    let found = try forecaster.combined([try forecaster.node(0)])
    let published = found.modelPasses ? found.scores.model : found.scores.baseline
    guard let error = published?.wape, let naive = found.scores.baseline?.wape,
      let model = found.scores.model?.wape, let skill = found.skills.first
    else {
      throw BenchmarkError.wrongResult(
        of: "retail", found: "no scores", expected: "errors of \(found.origins) origins")
    }
    func percent(_ share: Double) -> String { "\((1_000 * share).rounded() / 10)" }
    return [
      Figure(
        measure: "retail months, WAPE in % of what is published: \(found.models[0])"
          + " (combination \(percent(model)), skill \(percent(skill.value)) %,"
          + " 95 % interval \(percent(skill.low)) to \(percent(skill.high)); peer: seasonal naive)",
        ours: 100 * error, peer: 100 * naive,
        comparison: .share(atMost: found.modelPasses ? RetailBenchmark.target / (100 * naive) : 1))
    ]
  }

  private func monthlyTotals(_ paths: [String]) throws -> [Double] {
    var sums: [String: Double] = [:]
    for (place, path) in paths.enumerated() {
      let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
      var reader = CSVReader(
        name: path, bytes: try Zstd.decompress(bytes, maximumSize: 1 << 30))
      _ = try reader.next()
      while try reader.next() {
        func text(_ column: Int) -> String { String(decoding: reader[column], as: UTF8.self) }
        let month = String(text(4).prefix(7))
        guard place > 0 || month != RetailBenchmark.overlap else { continue }
        guard let quantity = Double(text(3)), let price = Double(text(5)) else {
          throw BenchmarkError.wrongResult(
            of: path, found: "line \(reader.line)", expected: "a quantity and a price")
        }
        sums[month, default: 0] += quantity * price
      }
    }
    return sums.keys.sorted().prefix(RetailBenchmark.months).compactMap { sums[$0] }
  }
}
