import Codecs
import Forecasting

/// The forecasts of single series that an earlier night made of the same values by the same settings
/// (DECISIONS.md, D-603).
///
/// Months that are over do not change with every night, and neither does what is found of them. It is a
/// hidden file in the folder of the dataset that a model is fitted to, which checks itself by a digest;
/// without it all series are forecast again, with the same result.
struct FitMemo: Sendable {
  /// The digest of all that a forecast is made of.
  typealias Mark = [UInt8]

  /// The name of the file in the folder of a dataset.
  static let name = ".fits"

  private static let form = "ALMFITS1"
  private static let markSize = 32

  private let path: String
  private let model: String
  /// The entries of the model as they are in the file.
  private let held: [UInt8]
  /// The entries of other models, by name.
  private let others: [String: [UInt8]]
  /// The words of each forecast.
  private let known: [Mark: ArraySlice<UInt8>]
  /// What this run found or took over.
  private var found: [Mark: NodeForecast] = [:]

  /// What is known of a model's series; nothing if there is no file, or if it is damaged.
  init(model: String, dataset: String, in directory: String) {
    path = "\(directory)/\(dataset)/\(FitMemo.name)"
    self.model = model
    var sections = MemoFile.read(path, form: FitMemo.form).flatMap { FitMemo.sections($0) } ?? [:]
    held = sections.removeValue(forKey: model) ?? []
    others = sections
    known = FitMemo.entries(held) ?? [:]
  }

  /// The mark of what a forecast is made of.
  static func mark(_ words: [UInt32]) -> Mark { SHA256.digest(of: Words.bytes(of: words)) }

  /// The forecast with a mark; `nil` where none is known.
  func forecast(_ mark: Mark) -> NodeForecast? {
    known[mark].flatMap { NodeForecast(words: Words.words(of: $0)) }
  }

  /// Keeps forecasts for the nights to come.
  mutating func keep(_ forecasts: [Mark: NodeForecast]) {
    found.merge(forecasts) { first, _ in first }
  }

  /// Replaces the file by what was kept of the model's series, and forgets models that are no more.
  func write(models: Set<String>) {
    var content: [UInt8] = []
    for (mark, forecast) in found.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let words = forecast.words
      content += mark
      content += Words.bytes(of: [UInt32(words.count)])
      content += Words.bytes(of: words)
    }
    let kept = others.filter { models.contains($0.key) }
    if content == held, kept.count == others.count { return }
    var sections = kept
    sections[model] = content
    var file: [UInt8] = []
    for (name, content) in sections.sorted(by: { $0.key < $1.key }) {
      file += Words.bytes(of: [UInt32(name.utf8.count), UInt32(content.count)])
      file += name.utf8
      file += content
    }
    MemoFile.write(file, to: path, form: FitMemo.form)
  }

  /// The entries of each model.
  private static func sections(_ content: [UInt8]) -> [String: [UInt8]]? {
    var sections: [String: [UInt8]] = [:]
    var rest = content[...]
    while !rest.isEmpty {
      guard rest.count >= 8 else { return nil }
      let sizes = Words.words(of: rest.prefix(8)).map { Int($0) }
      rest = rest.dropFirst(8)
      guard rest.count >= sizes[0] + sizes[1] else { return nil }
      let name = String(decoding: rest.prefix(sizes[0]), as: UTF8.self)
      rest = rest.dropFirst(sizes[0])
      sections[name] = Array(rest.prefix(sizes[1]))
      rest = rest.dropFirst(sizes[1])
    }
    return sections
  }

  /// The words of each entry, by its mark.
  private static func entries(_ content: [UInt8]) -> [Mark: ArraySlice<UInt8>]? {
    var entries: [Mark: ArraySlice<UInt8>] = [:]
    var rest = content[...]
    while !rest.isEmpty {
      guard rest.count >= markSize + 4 else { return nil }
      let mark = Array(rest.prefix(markSize))
      let size = 4 * Int(Words.words(of: rest.dropFirst(markSize).prefix(4))[0])
      rest = rest.dropFirst(markSize + 4)
      guard rest.count >= size else { return nil }
      entries[mark] = rest.prefix(size)
      rest = rest.dropFirst(size)
    }
    return entries
  }
}
