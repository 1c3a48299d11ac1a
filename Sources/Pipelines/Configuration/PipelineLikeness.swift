import Documents
import Rollups

extension Node {
  /// What another pipeline says of days and amounts for one that is `like:` it.
  static let sharedPipelineKeys = ["zone", "currency"]

  /// The document of a pipeline, with what it leaves to another one that it is `like:` filled in: zone,
  /// currency and the grains of `rollup`.
  ///
  /// So pipelines that write the same tables cannot come to count differently (DECISIONS.md, D-561).
  ///
  /// - Parameter siblings: the documents of all pipelines.
  /// - Returns: the document without `like:`; itself where it has none.
  /// - Throws: `DocumentError` where there is no such pipeline, where that is itself like another one, or
  ///   where the document says nonetheless what it leaves to it.
  func likeNamed(among siblings: [Node]) throws(DocumentError) -> Node {
    guard case .mapping(let entries) = content, let like = entry("like") else { return self }
    let name = try ValueReader<String>.name.read(like.value)
    guard let other = siblings.first(where: { $0.scalar("pipeline") == name }) else {
      let known = siblings.compactMap { $0.scalar("pipeline") }.filter { $0 != scalar("pipeline") }
      throw Project.undefined(
        NameReference(name: name, mark: like.value.mark), "pipeline", known: known)
    }
    guard other.entry("like") == nil else {
      throw .unexpected(
        like.value.mark, found: "the pipeline \(quoted(name)), which has `like:` itself",
        expected: "one that says its zone and currency", suggestion: nil)
    }
    for key in Node.sharedPipelineKeys {
      if let own = entry(key) {
        throw .unexpected(
          own.keyMark, found: "the key \(quoted(key)) beside `like: \(name)`",
          expected: "one of the two, since pipeline \(name) says it", suggestion: nil)
      }
    }
    if let own = stageItem("rollup") {
      throw .unexpected(
        own.mark, found: "grains of its own beside `like: \(name)`",
        expected: "- rollup alone, since pipeline \(name) says them", suggestion: nil)
    }
    let shared = other.stageItem("rollup") ?? Node.allGrains
    var filled = entries.filter { $0.key != "like" }.map { entry in
      guard entry.key == "stages", case .sequence(let items) = entry.value.content else {
        return entry
      }
      var entry = entry
      entry.value.content = .sequence(
        items.map { item in
          guard case .scalar(let scalar) = item.content, scalar.text == "rollup" else {
            return item
          }
          var rollup = shared
          rollup.mark = item.mark
          return rollup
        })
      return entry
    }
    filled += Node.sharedPipelineKeys.compactMap { other.entry($0) }
    return Node(.mapping(filled), at: mark)
  }

  /// A stage that rolls up over all lengths of time, for a pipeline that is like one without rollups.
  private static var allGrains: Node {
    let mark = Mark(file: "", line: 1, column: 1)
    let grains = RollupGrain.allCases.map { Node(.scalar(Scalar($0.rawValue)), at: mark) }
    let parameter = Node(
      .mapping([Entry(key: "grains", keyMark: mark, value: Node(.sequence(grains), at: mark))]),
      at: mark)
    return Node(.mapping([Entry(key: "rollup", keyMark: mark, value: parameter)]), at: mark)
  }

  /// Whether the document of a pipeline leaves something to another one.
  var isLikeAnother: Bool { entry("like") != nil }

  private func entry(_ key: String) -> Entry? {
    guard case .mapping(let entries) = content else { return nil }
    return entries.first { $0.key == key }
  }

  private func scalar(_ key: String) -> String? {
    guard case .scalar(let scalar)? = entry(key)?.value.content else { return nil }
    return scalar.text
  }

  /// The item of a stage with its parameter, of a pipeline's stages.
  private func stageItem(_ stage: String) -> Node? {
    guard case .sequence(let items)? = entry("stages")?.value.content else { return nil }
    return items.first { $0.entry(stage) != nil }
  }
}
