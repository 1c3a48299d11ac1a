import AlmanacCore
import Documents
import Foundation
import Pipelines
import Testing

@Suite("A project")
struct ProjectTests {
  private static let payments = Sample.dataset.replacing(
    "currency: text", with: "currency: text\n  outcome: text")

  private func project(
    dataset: String = payments, model: String = Sample.model, pipeline: String = Sample.pipeline
  ) throws -> Project {
    Project(
      pipelines: [
        try PipelineDefinition(node: try Sample.node(pipeline, file: "pipelines/nightly.yaml"))
      ],
      models: [try ModelDefinition(node: try Sample.node(model, file: "models/revenue.yaml"))],
      datasets: [
        try DatasetDefinition(node: try Sample.node(dataset, file: "datasets/payments.yaml"))
      ])
  }

  @Test("whose definitions fit together is valid")
  func valid() throws {
    let project = try project()
    #expect(project.problems == [])
    try project.validate()
    #expect(project.pipeline("nightly")?.name == "nightly")
    #expect(project.model("revenue")?.name == "revenue")
    #expect(project.dataset("payments")?.name == "payments")
    #expect(project.dataset("revenue") == nil)
  }

  @Test(
    "names the file and position of what does not fit",
    arguments: [
      (
        "pipelines", "fit: [revenue]", "fit: [revenu]",
        "pipelines/nightly.yaml:8:11: found the model \"revenu\", which no file defines, "
          + "expected revenue (did you mean \"revenue\"?)"
      ),
      (
        "pipelines", "extract: all", "extract: [payments, evnts]",
        "pipelines/nightly.yaml:6:25: found the dataset \"evnts\", which no file defines, "
          + "expected payments"
      ),
      (
        "pipelines", "pipeline: nightly", "pipeline: hourly",
        "pipelines/nightly.yaml:1:1: found pipeline \"hourly\" in a file named \"nightly.yaml\", "
          + "expected the file's own name (did you mean \"nightly\"?)"
      ),
      (
        "models", "from: payments", "from: payment",
        "models/revenue.yaml:5:9: found the dataset \"payment\", which no file defines, "
          + "expected payments (did you mean \"payments\"?)"
      ),
      (
        "models", "sum: amount", "sum: amuont",
        "models/revenue.yaml:4:8: found column \"amuont\", which dataset payments has not, "
          + "expected a column of type money(…) (did you mean \"amount\"?)"
      ),
      (
        "models", "sum: amount", "sum: note",
        "models/revenue.yaml:4:8: found column \"note\" of dataset payments as text?, "
          + "expected a column of type money(…)"
      ),
      (
        "models", "at: paid_at", "at: amount",
        "models/revenue.yaml:7:7: found column \"amount\" of dataset payments as money(currency), "
          + "expected a column of type timestamp"
      ),
      (
        "models", "where: outcome", "where: outcom",
        "models/revenue.yaml:6:10: found column \"outcom\", which dataset payments has not, "
          + "expected a column of type text (did you mean \"outcome\"?)"
      ),
      (
        "models", "  at: paid_at",
        "  at: paid_at\n  or: {sum: amount, from: payments, at: paid_at, unless: amount}",
        "models/revenue.yaml:8:58: found column \"amount\" of dataset payments as "
          + "money(currency), expected a column of type uuid"
      ),
      (
        "models", "  at: paid_at",
        "  at: paid_at\n  or: {sum: amount, from: paiments, at: paid_at, unless: company_id}",
        "models/revenue.yaml:8:27: found the dataset \"paiments\", which no file defines, "
          + "expected payments (did you mean \"payments\"?)"
      ),
      (
        "datasets", "dataset: payments", "dataset: payment",
        "datasets/payments.yaml:1:1: found dataset \"payment\" in a file named \"payments.yaml\", "
          + "expected the file's own name (did you mean \"payments\"?)"
      ),
    ])
  func misfits(_ folder: String, _ part: String, _ replacement: String, _ message: String) throws {
    func text(_ name: String, _ text: String) -> String {
      name == folder ? text.replacing(part, with: replacement, maxReplacements: 1) : text
    }
    let project = try project(
      dataset: text("datasets", Self.payments), model: text("models", Sample.model),
      pipeline: text("pipelines", Sample.pipeline))
    let error = #expect(throws: DocumentError.self) { try project.validate() }
    #expect(error?.description == message)
    #expect(project.problems.first == error)
  }

  @Test("takes a column that the dataset implies")
  func impliedColumn() throws {
    let model = Sample.model.replacing("at: paid_at", with: "at: created_at")
    #expect(try project(model: model).problems == [])
  }

  @Test("refuses one name in two files")
  func twice() throws {
    var project = try project()
    project.datasets.append(
      try DatasetDefinition(node: try Sample.node(Self.payments, file: "datasets/payments.yml")))
    #expect(
      project.problems.map(\.description) == [
        "datasets/payments.yml:1:1: found dataset \"payments\" a second time, expected each name "
          + "once (first in datasets/payments.yaml)"
      ])
  }

  @Test("lists every problem by file and position")
  func all() throws {
    let project = Project(
      pipelines: [
        try PipelineDefinition(
          node: try Sample.node(Sample.pipeline, file: "pipelines/nightly.yaml"))
      ],
      models: [], datasets: [])
    #expect(
      project.problems.map(\.description) == [
        "pipelines/nightly.yaml:8:11: found the model \"revenue\", which no file defines, "
          + "expected a file in models/",
        "pipelines/nightly.yaml:9:15: found the model \"revenue\", which no file defines, "
          + "expected a file in models/",
      ])
  }
}
