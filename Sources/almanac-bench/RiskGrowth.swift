import AlmanacCore
import Glibc
import Pipelines
import Predictions
import Simulation

/// How the time of panels, fits and scoring of risks grows from a tenth of the companies to all.
///
/// Time is that of all threads on a processor, which other programs on the machine change least. The
/// target holds for 50,000 companies of 24 months.
struct RiskGrowth {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  /// The companies of the largest world for which the target holds.
  static let targetCompanies = 50_000
  private static let months = 24
  /// The sizes of worlds as parts of the largest.
  private static let parts = [10, 4, 2, 1]
  /// The most that the exponent may be (DECISIONS.md, D-580).
  private static let mostExponent = 1.1

  /// Processor seconds of a world, its models learned and used.
  private struct Times {
    var companies: Int
    var rows: Int
    var panel: Double
    var fits: Double
    var scoring: Double
  }

  /// Learns from one world of each size.
  func run() throws -> [Figure] {
    let project = try ProjectLoader(path: ".", environment: [:]).load()
    var found: [Times] = []
    for part in RiskGrowth.parts {
      let times = try measured(max(100, options.companies / part), project)
      note(
        "risk: \(times.companies) companies, \(times.rows) company-months: panel \(times.panel) s, "
          + "fits and gates \(times.fits) s, scoring \(times.scoring) s of all threads")
      found.append(times)
    }
    return [
      figure("panel of company-months", found, \.panel),
      figure("all fits and gates", found, \.fits),
      figure("scoring of a night", found, \.scoring),
    ]
  }

  private func figure(
    _ name: String, _ found: [Times], _ seconds: KeyPath<Times, Double>
  ) -> Figure {
    let (sizes, times) = (found.map { Double($0.companies) }, found.map { $0[keyPath: seconds] })
    return Figure(
      measure: "\(name): exponent of processor time in companies, "
        + "\(found.first?.companies ?? 0) to \(found.last?.companies ?? 0)",
      ours: RiskGrowth.exponent(sizes, times),
      comparison: .share(atMost: RiskGrowth.mostExponent),
      isAtTargetSize: options.companies >= RiskGrowth.targetCompanies)
  }

  /// The slope of the least-squares line through the logarithms of times by those of sizes.
  private static func exponent(_ sizes: [Double], _ times: [Double]) -> Double {
    let (x, y) = (sizes.map { log($0) }, times.map { log($0) })
    let middle = x.reduce(0, +) / Double(x.count)
    let spread = x.reduce(0) { $0 + ($1 - middle) * ($1 - middle) }
    return zip(x, y).reduce(0) { $0 + ($1.0 - middle) * $1.1 } / spread
  }

  private func measured(_ companies: Int, _ project: Project) throws -> Times {
    guard let end = CalendarDate("2026-06-30") else { preconditionFailure("a date") }
    guard let definition = project.risk("churn") else {
      throw BenchmarkError.cannotRead(path: "models")
    }
    let world = try RiskWorld(
      World(
        WorldSettings(
          companies: companies, months: RiskGrowth.months, seed: 1, kind: .logistic, end: end),
        zone: RiskWorld.zone), project)
    var times = Times(
      companies: companies, rows: world.churn.first.rows.count, panel: world.panelProcessor,
      fits: 0, scoring: 0)
    var before = processorSeconds()
    func passed() -> Double {
      let now = processorSeconds()
      defer { before = now }
      return now - before
    }
    let churn = try ChurnForecast(
      world.churn, features: definition.features, bands: definition.bands)
    let payments = try RiskRecipe().learn(world.payments.rows, by: world.payments.cut)
    // Prices decide no gate.
    let upsell = try UpsellForecast(world.upsell) { amount, _, _ in amount }
    times.fits = passed()
    _ = try ChurnForecast(
      world.churn, features: definition.features, kept: (churn.first, churn.second),
      bands: definition.bands)
    _ = try PaymentForecast(world.payments, policy: RetryPolicy(), kept: RiskSource(payments))
    _ = try UpsellForecast(world.upsell, kept: (upsell.sources[0], upsell.sources[1])) {
      amount, _, _ in amount
    }
    times.scoring = passed()
    return times
  }
}
