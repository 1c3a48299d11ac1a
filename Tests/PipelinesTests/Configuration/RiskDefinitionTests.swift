import AlmanacCore
import Documents
import Pipelines
import Predictions
import Testing

extension Sample {
  static let risk = """
    model: churn
    kind: churn
    question: who leaves?
    counts:
      logins: {of: payments, where: {note: [web, app]}, by: company_id}
    features:
      drop: {ratio: logins, window: 28d, prior: 5}
      quiet: {recency: logins, cap: 60d}
      trend: {slope: logins, window: 84d}
      users_per_seat: {share: {distinct: logins, window: 28d}, of: {level: seats}}
      mrr: {level: mrr, log: true}
    bands: {medium: 3%, high: 8%, critical: 20%}

    """
}

@Suite("The definition of a risk")
struct RiskDefinitionTests {
  @Test("gives the quantities that its features are made of")
  func features() throws {
    let model = try RiskDefinition(node: try Sample.node(Sample.risk))
    #expect(model.name == "churn" && model.kind == .churn && model.months == 36)
    #expect(
      model.features == [
        FeatureSpecification(
          "drop",
          .logRatio(
            .count(tally: "logins", days: 28), to: .count(tally: "logins", days: 28, before: 28),
            prior: 5)),
        FeatureSpecification("quiet", .plain(.sinceLast(tally: "logins", cap: 60))),
        FeatureSpecification("trend", .plain(.slope(tally: "logins", weeks: 12))),
        FeatureSpecification(
          "users_per_seat",
          .share(.distinct(tally: "logins", days: 28), of: .level(state: "seats"))),
        FeatureSpecification("mrr", .logarithm(.level(state: "mrr"))),
      ])
    #expect(model.counts[0].conditions.map(\.column.name) == ["note"])
    #expect(model.counts[0].conditions.map(\.values) == [["web", "app"]])
    #expect(model.bands == ChurnRisk.Bands())
  }

  @Test("reads what companies are said to be only where versions of their rows are kept")
  func attributes() throws {
    let text = Sample.risk.replacing(
      "  mrr: {level: mrr, log: true}\n", with: "  industry: {attribute: industry}\n")
    let model = try RiskDefinition(node: try Sample.node(text, file: "models/churn.yaml"))
    #expect(model.features.last == FeatureSpecification("industry", .attribute("industry")))
    #expect(model.datasetNames == ["companies", "payments"])
    func problems(_ companies: String) throws -> [String] {
      let pipeline = Sample.pipeline.replacing("[revenue]", with: "[churn]")
      return Project(
        pipelines: [
          try PipelineDefinition(node: try Sample.node(pipeline, file: "pipelines/nightly.yaml"))
        ], models: [],
        datasets: [
          try DatasetDefinition(
            node: try Sample.node(Sample.dataset, file: "datasets/payments.yaml")),
          try DatasetDefinition(node: try Sample.node(companies, file: "datasets/companies.yaml")),
        ], risks: [model]
      ).problems.map(\.description)
    }
    let companies = """
      dataset: companies
      from: billing.companies
      recorded: created_at
      key: id
      tenant: id
      mode: changes
      deletes: key_sweep
      columns: {industry: text?}

      """
    #expect(try problems(companies) == [])
    #expect(
      try problems(companies.replacing("industry:", with: "branch:"))[0].contains(
        "models/churn.yaml:11:25: found column \"industry\", which dataset companies has not"))
    let needed =
      "models/churn.yaml:11:25: found a column of a dataset that keeps no versions of companies, "
      + "expected mode: changes and one column as key: and tenant: in datasets/companies.yaml"
    #expect(
      try problems(
        companies.replacing("mode: changes\ndeletes: key_sweep\n", with: "mode: full\n"))
        == [needed])
    #expect(
      try problems(
        companies.replacing("key: id", with: "key: [id, industry]").replacing("text?", with: "text")
      )
        == [needed])
  }

  @Test("reads the plan that companies hold, of churn and upsell, and no other holding")
  func holdings() throws {
    func model(_ text: String) throws -> RiskDefinition {
      try RiskDefinition(node: try Sample.node(text, file: "f.yaml"))
    }
    let text = Sample.risk.replacing(
      "  mrr: {level: mrr, log: true}\n", with: "  plan: {holding: plan}\n")
    let churn = try model(text)
    #expect(churn.features.last == FeatureSpecification("plan", .holding(.plan)))
    // It is read from what MRR is made of, so no further dataset is needed.
    #expect(churn.datasetNames == ["payments"] && churn.attributes.isEmpty)
    #expect(try churn.canonicalText != model(Sample.risk).canonicalText)
    let upsell = try model(
      Self.upsell.replacing("mrr: {level: mrr}", with: "plan: {holding: plan}"))
    #expect(upsell.features.last == FeatureSpecification("plan", .holding(.plan)))
    for (faulty, message) in [
      ("{holding: plam}", #"found "plam", expected plan (did you mean "plan"?)"#),
      ("{holding: plan, log: true}", #"found unknown key "log", expected holding"#),
      ("{share: {holding: plan}, of: {level: seats}}", "found no kind of feature"),
    ] {
      let error = #expect(throws: DocumentError.self) {
        try model(text.replacing("{holding: plan}", with: faulty))
      }
      #expect("\(try #require(error))".contains(message), "\(String(describing: error))")
    }
  }

  @Test("of the same features with other bands is the same recipe")
  func bandsAreNoRecipe() throws {
    let model = try RiskDefinition(node: try Sample.node(Sample.risk))
    let other = try RiskDefinition(
      node: try Sample.node(
        Sample.risk.split(separator: "\n").filter { !$0.hasPrefix("bands") }
          .joined(separator: "\n") + "\nbands: {medium: 5%, high: 10%, critical: 30%}\n"))
    #expect(other.bands != model.bands)
    #expect(other.canonicalText == model.canonicalText)
  }

  private static let upsell = """
    model: upsell
    kind: upsell
    question: who buys?
    counts: {}
    features: {goes_with: {level: affinity}, mrr: {level: mrr}}

    """

  @Test("of upsell has modules that need others, and features of modules")
  func upsell() throws {
    let model = try RiskDefinition(
      node: try Sample.node(Self.upsell + "prerequisites: {recording: [voice], voice: [calls]}\n"))
    #expect(model.kind == .upsell)
    #expect(model.prerequisites == ["recording": ["voice"], "voice": ["calls"]])
    #expect(model.features.map(\.readsAffinity) == [true, false])
  }

  @Test(
    "of upsell that cannot be is refused at its place",
    arguments: [
      ("prerequisites: {a: [b], b: [c], c: [a]}\n", "which needs itself"),
      ("bands: {medium: 1%, high: 2%, critical: 3%}\n", "bands"),
    ])
  func upsellFaults(text: String, message: String) throws {
    let error = #expect(throws: DocumentError.self) {
      try RiskDefinition(node: try Sample.node(Self.upsell + text))
    }
    #expect("\(try #require(error))".contains(message), "\(String(describing: error))")
  }

  @Test("of churn cannot tell how modules go together")
  func affinityOfChurn() throws {
    let error = #expect(throws: DocumentError.self) {
      try RiskDefinition(
        node: try Sample.node(Self.upsell.replacing("kind: upsell", with: "kind: churn")))
    }
    #expect("\(try #require(error))".contains("affinity"))
  }

  @Test("has actions, which are no part of what is learned from")
  func actions() throws {
    let plain = try RiskDefinition(node: try Sample.node(Sample.risk))
    #expect(plain.actions.isEmpty)
    let model = try RiskDefinition(
      node: try Sample.node(
        Sample.risk + """
          actions:
            call: {for: [drop, quiet], saves: 15%, cost: 60.5}
            win_back: {for: [scheduled], saves: 5%, cost: 0, months: 6}
          """))
    #expect(
      model.actions == [
        RiskAction(name: "call", reasons: ["drop", "quiet"], saves: 0.15, cost: 60.5, months: 12),
        RiskAction(name: "win_back", reasons: ["scheduled"], saves: 0.05, cost: 0, months: 6),
      ])
    #expect(model.canonicalText == plain.canonicalText)
    #expect(throws: DocumentError.self) {
      try RiskDefinition(
        node: try Sample.node(
          Sample.risk + "actions: {call: {for: [dorp], saves: 15%, cost: 1}}"))
    }
  }

  static let broken: [BrokenDefinition] = [
    BrokenDefinition(
      "misspelt kind key", "kind: churn", "knid: churn",
      #"f.yaml:2:1: found unknown key "knid", expected kind (did you mean "kind"?)"#),
    BrokenDefinition(
      "unknown kind", "kind: churn", "kind: chrun",
      #"f.yaml:2:7: found "chrun", expected one of churn, payment_failure, upsell (did you mean "churn"?)"#
    ),
    BrokenDefinition(
      "count of nothing", "of: payments, ", "",
      #"f.yaml:5:11: found no key "of", expected it in the count logins"#),
    BrokenDefinition(
      "misspelt key of a count", "by: company_id", "bye: company_id",
      #"f.yaml:5:53: found unknown key "bye", expected one of of, at, where, by (did you mean "by"?)"#
    ),
    BrokenDefinition(
      "condition as a text", "{note: [web, app]}", "note = web",
      "f.yaml:5:33: found \"note = web\", expected a mapping (key: value) for the condition"),
    BrokenDefinition(
      "misspelt kind of feature", "{recency: logins", "{recenzy: logins",
      #"f.yaml:8:11: found unknown key "recenzy", expected one of count, distinct, days, recency, age, slope, level, change, ratio, share, attribute, holding (did you mean "recency"?)"#
    ),
    BrokenDefinition(
      "two kinds of feature", "cap: 60d", "count: logins",
      #"f.yaml:8:10: found "count" besides "recency", expected one of count, distinct, days, recency, age, slope, level, change, ratio, share, attribute, holding in the feature quiet"#
    ),
    BrokenDefinition(
      "feature of an unknown count", "recency: logins", "recency: login",
      #"f.yaml:8:20: found "login", expected logins, as counts: declares (did you mean "logins"?)"#),
    BrokenDefinition(
      "unknown state", "level: mrr", "level: mmr",
      #"f.yaml:11:16: found "mmr", expected one of mrr, seats, modules (did you mean "mrr"?)"#),
    BrokenDefinition(
      "window of no days", "window: 28d, prior", "window: 0d, prior",
      #"f.yaml:7:33: found "0d", expected a window of 1d to 730d"#),
    BrokenDefinition(
      "slope over half a week", "window: 84d", "window: 80d",
      #"f.yaml:9:34: found "80d", expected a window of two weeks or more in days, 14d, 21d … 728d"#),
    BrokenDefinition(
      "feature without a window", "ratio: logins, window: 28d, ", "ratio: logins, ",
      #"f.yaml:7:9: found no key "window", expected it in the feature drop"#),
    BrokenDefinition(
      "part of a share as a name", "{distinct: logins, window: 28d}", "logins",
      #"f.yaml:10:27: found "logins", expected a mapping (key: value) for the share"#),
    BrokenDefinition(
      "bands that do not rise", "high: 8%", "high: 2%",
      "f.yaml:12:8: found bands that do not rise, expected medium below high below critical"),
  ]

  @Test("that is broken is refused with place, finding and expectation", arguments: broken)
  func message(_ definition: BrokenDefinition) throws {
    let error = try definition.error(in: Sample.risk) { (node) throws(DocumentError) in
      _ = try RiskDefinition(node: node)
    }
    #expect(error?.description == definition.message)
    #expect(error?.exitStatus == .configuration)
  }

  @Test(
    "that does not fit the datasets is refused with file and position",
    arguments: [
      (
        "of: payments", "of: payment",
        "models/churn.yaml:5:16: found the dataset \"payment\", which no file defines, expected "
          + "payments (did you mean \"payments\"?)"
      ),
      (
        "where: {note:", "where: {notes:",
        "models/churn.yaml:5:34: found column \"notes\", which dataset payments has not, expected a "
          + "column of type text or uuid (did you mean \"note\"?)"
      ),
      (
        "by: company_id", "by: note",
        "models/churn.yaml:5:57: found column \"note\" of dataset payments as text?, expected a "
          + "column of type uuid"
      ),
      (
        "mode: append", "mode: changes\ndeletes: none",
        "models/churn.yaml:5:16: found the dataset \"payments\", whose rows change afterwards "
          + "(mode: changes), expected one of mode: append, of which it is known what an earlier "
          + "day could see"
      ),
      (
        "recorded: created_at\n", "",
        "models/churn.yaml:5:16: found the dataset \"payments\", which names no recorded: column, "
          + "expected one that says when a row was recorded"
      ),
    ])
  func misfits(_ part: String, _ replacement: String, _ message: String) throws {
    func broken(_ text: String) -> String { text.replacing(part, with: replacement) }
    let pipeline = Sample.pipeline.replacing("[revenue]", with: "[churn]")
    var project = Project(
      pipelines: [
        try PipelineDefinition(node: try Sample.node(pipeline, file: "pipelines/nightly.yaml"))
      ],
      models: [],
      datasets: [
        try DatasetDefinition(
          node: try Sample.node(broken(Sample.dataset), file: "datasets/payments.yaml"))
      ],
      risks: [
        try RiskDefinition(node: try Sample.node(broken(Sample.risk), file: "models/churn.yaml"))
      ])
    #expect(project.problems.map(\.description) == [message])
    // It keeps no other pipeline from running.
    try project.validate()
    let error = try #require(throws: DocumentError.self) {
      try project.validate(project.pipelines[0])
    }
    #expect(error.description == message)
    project.pipelines = []
    #expect(project.problems.isEmpty, "no pipeline asks for the model")
  }
}
