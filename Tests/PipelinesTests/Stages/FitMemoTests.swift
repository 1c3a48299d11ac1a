import AlmanacCore
import Files
import Forecasting
import Foundation
import TestSupport
import Testing

@testable import Pipelines

/// What a night keeps of its fits for the next one.
@Suite("What is kept of fits")
struct FitMemoTests {
  private static func forecasts(_ seed: UInt64) throws -> [FitMemo.Mark: NodeForecast] {
    var random = SplitMix64(seed: seed)
    let values = (0..<30).map { Double($0) + 10 * random.nextUnit() }
    let forecaster = try HierarchyForecaster(
      HierarchyInput(
        nodes: [
          HierarchyInput.Node(role: .aggregate, values: values, group: 0),
          HierarchyInput.Node(role: .leaf, values: values, group: 1),
        ], sums: [.init(total: 0, parts: [1])]),
      settings: HierarchySettings(horizon: 3, season: 12))
    var found: [FitMemo.Mark: NodeForecast] = [:]
    for node in 0..<2 {
      found[FitMemo.mark(try #require(forecaster.identity(of: node)))] = try forecaster.node(node)
    }
    return found
  }

  private static func memo(_ model: String, _ folder: String) -> FitMemo {
    FitMemo(model: model, dataset: "payments", in: folder)
  }

  private static func write(
    _ model: String, _ forecasts: [FitMemo.Mark: NodeForecast], _ folder: String,
    models: Set<String> = ["first", "second"]
  ) {
    var memo = memo(model, folder)
    memo.keep(forecasts)
    memo.write(models: models)
  }

  @Test("is there for the next night, for each model its own, and only the newest")
  func kept() throws {
    try withTemporaryDirectory { directory in
      let folder = directory.path(percentEncoded: false) + "/"
      try FileSystem.createDirectories(folder + "payments")
      let (old, new, other) = (
        try Self.forecasts(1), try Self.forecasts(2), try Self.forecasts(3)
      )
      Self.write("first", old, folder)
      Self.write("second", other, folder)
      for (mark, forecast) in old {
        #expect(Self.memo("first", folder).forecast(mark) == forecast)
        #expect(Self.memo("second", folder).forecast(mark) == nil)
      }
      Self.write("first", new, folder)
      for (mark, forecast) in new { #expect(Self.memo("first", folder).forecast(mark) == forecast) }
      for mark in old.keys { #expect(Self.memo("first", folder).forecast(mark) == nil) }
      for (mark, forecast) in other {
        #expect(Self.memo("second", folder).forecast(mark) == forecast)
      }
      // A model that is no more goes.
      Self.write("first", new, folder, models: ["first"])
      for mark in other.keys { #expect(Self.memo("second", folder).forecast(mark) == nil) }
    }
  }

  @Test("is the same file whatever the order, and none where the folder is missing")
  func bytes() throws {
    try withTemporaryDirectory { directory in
      let folder = directory.path(percentEncoded: false) + "/"
      Self.write("first", try Self.forecasts(1), folder)
      #expect(try !FileSystem.exists(folder + "payments"))
      try FileSystem.createDirectories(folder + "payments")
      let path = folder + "payments/" + FitMemo.name
      let (one, two) = (try Self.forecasts(1), try Self.forecasts(2))
      Self.write("first", one.merging(two) { first, _ in first }, folder)
      Self.write("second", one, folder)
      let bytes = try FileSystem.read(path)
      try FileSystem.removeTree(path)
      Self.write("second", one, folder)
      Self.write("first", two.merging(one) { first, _ in first }, folder)
      #expect(try FileSystem.read(path) == bytes)
    }
  }

  @Test("counts for nothing where it is damaged")
  func damaged() throws {
    try withTemporaryDirectory { directory in
      let folder = directory.path(percentEncoded: false) + "/"
      try FileSystem.createDirectories(folder + "payments")
      let path = folder + "payments/" + FitMemo.name
      let forecasts = try Self.forecasts(1)
      Self.write("first", forecasts, folder)
      let bytes = try FileSystem.read(path)
      var places = Array(stride(from: 0, to: bytes.count, by: 7))
      places.append(bytes.count - 1)
      for place in places {
        var wrong = bytes
        wrong[place] ^= 1
        for content in [wrong, Array(bytes[..<place])] {
          try FileSystem.writeAtomically(content, to: path)
          let memo = Self.memo("first", folder)
          for mark in forecasts.keys { #expect(memo.forecast(mark) == nil, "byte \(place)") }
        }
      }
      // The next night writes it anew.
      Self.write("first", forecasts, folder)
      #expect(try FileSystem.read(path) == bytes)
    }
  }
}
