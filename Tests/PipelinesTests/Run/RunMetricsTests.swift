import Foundation
import Testing

@testable import Pipelines

@Suite("Metrics of runs")
struct RunMetricsTests {
  @Test("are written in the text format, with labels escaped")
  func text() {
    let metrics = RunMetrics(samples: [
      .init(name: "almanac_stage_rows_read", pipeline: "a\"b\\c\nd", stage: "rollup", value: 12),
      .init(name: "almanac_run_success", pipeline: "nightly", stage: nil, value: 0),
      .init(
        name: "almanac_publication_timestamp_seconds", pipeline: nil, stage: nil,
        value: 1_769_912_100.25),
    ])
    #expect(
      metrics.text == """
        # HELP almanac_run_success Whether the newest run of the pipeline ended well.
        # TYPE almanac_run_success gauge
        almanac_run_success{pipeline="nightly"} 0.0
        # HELP almanac_stage_rows_read Rows that the stage read in the newest run.
        # TYPE almanac_stage_rows_read gauge
        almanac_stage_rows_read{pipeline="a\\"b\\\\c\\nd",stage="rollup"} 12.0
        # HELP almanac_publication_timestamp_seconds When the predictions that readers see were published.
        # TYPE almanac_publication_timestamp_seconds gauge
        almanac_publication_timestamp_seconds 1769912100.25

        """)
  }

  @Test("are all shown by the dashboard, which asks for no others")
  func dashboard() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "monitoring/grafana-dashboard.json")
    let data = try Data(contentsOf: file)
    _ = try JSONSerialization.jsonObject(with: data)
    let words = String(decoding: data, as: UTF8.self).split { !($0.isLetter || $0 == "_") }
    let asked = Set(words.filter { $0.hasPrefix("almanac_") }.map(String.init))
    #expect(asked == Set(RunMetrics.gauges.map(\.name)))
  }
}
