import Synchronization

/// Which rows of days repeat others, as far as it was found out.
///
/// Parts never change, so what was found of a day holds for as long as it has the same ones: several
/// stages read the same days, and all but the first need neither the key nor its comparison
/// (DECISIONS.md, D-563). Between runs it is kept in a hidden file in the dataset's folder that checks
/// itself by a digest; without it all days are compared again (DECISIONS.md, D-610).
final class RepeatedRowsMemo: Sendable {
  /// The digest of the parts of a day, and of how their rows are told apart.
  typealias Mark = [UInt8]

  private struct State {
    var left: [String: [Mark: [[Int]]]] = [:]
    var count = 0
    /// The datasets whose file was looked for.
    var loaded: Set<String> = []
    /// The datasets of which something was found out since.
    var changed: Set<String> = []

    /// Keeps the rows of a day unless they are too many, and says whether it did.
    mutating func keep(_ rows: [[Int]], of mark: Mark, in dataset: String) -> Bool {
      let count = rows.reduce(0) { $0 + $1.count }
      guard left[dataset]?[mark] == nil, self.count + count <= RepeatedRowsMemo.maximumRows else {
        return false
      }
      left[dataset, default: [:]][mark] = rows
      self.count += count
      return true
    }
  }

  private let state = Mutex(State())

  /// Rows that are kept in mind at the most.
  private static let maximumRows = 4_000_000

  /// The name of the file in the folder of a dataset.
  static let name = ".repeats"

  private static let form = "ALMREPT1"
  /// The bytes of a mark.
  private static let markSize = 32

  /// The rows to leave out of each part of a day; `nil` where it was not looked at.
  func rows(of mark: Mark, in dataset: String) -> [[Int]]? {
    state.withLock { $0.left[dataset]?[mark] }
  }

  /// Keeps the rows to leave out of each part of a day in mind.
  func keep(_ rows: [[Int]], of mark: Mark, in dataset: String) {
    state.withLock { state in
      if state.keep(rows, of: mark, in: dataset) { state.changed.insert(dataset) }
    }
  }

  /// Whether something was found out of a dataset that its file does not say.
  func hasNews(of dataset: String) -> Bool { state.withLock { $0.changed.contains(dataset) } }

  /// Takes over what an earlier run found out of a dataset, once.
  func load(_ dataset: String, in directory: String) {
    state.withLock { state in
      guard state.loaded.insert(dataset).inserted else { return }
      let path = RepeatedRowsMemo.path(dataset, in: directory)
      let content = MemoFile.read(path, form: RepeatedRowsMemo.form) ?? []
      for (mark, rows) in RepeatedRowsMemo.decode(content) {
        _ = state.keep(rows, of: mark, in: dataset)
      }
    }
  }

  /// Writes what is known of some days of a dataset, as long as it has a folder.
  func write(_ dataset: String, in directory: String, keeping marks: Set<Mark>) {
    let known = state.withLock { state in
      state.changed.remove(dataset)
      return (state.left[dataset] ?? [:]).filter { marks.contains($0.key) }
    }
    MemoFile.write(
      RepeatedRowsMemo.encoded(known), to: RepeatedRowsMemo.path(dataset, in: directory),
      form: RepeatedRowsMemo.form)
  }

  private static func path(_ dataset: String, in directory: String) -> String {
    "\(directory)/\(dataset)/\(name)"
  }

  /// Of each day its mark, the number of parts, and of each of these the number of rows and the rows.
  private static func encoded(_ known: [Mark: [[Int]]]) -> [UInt8] {
    var content: [UInt8] = []
    for (mark, parts) in known.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      content += mark
      var words = [UInt32(parts.count)]
      for rows in parts {
        words.append(UInt32(rows.count))
        words += rows.map { UInt32($0) }
      }
      content += Words.bytes(of: words)
    }
    return content
  }

  /// What a content says.
  private static func decode(_ content: [UInt8]) -> [(mark: Mark, rows: [[Int]])] {
    var found: [(mark: Mark, rows: [[Int]])] = []
    var position = 0
    func words(_ count: Int) -> [Int]? {
      guard count <= (content.count - position) / 4 else { return nil }
      defer { position += 4 * count }
      return Words.words(of: content[position..<position + 4 * count]).map { Int($0) }
    }
    while content.count - position > markSize {
      let mark = Array(content[position..<position + markSize])
      position += markSize
      guard let count = words(1)?[0] else { return [] }
      var parts: [[Int]] = []
      for _ in 0..<count {
        guard let size = words(1)?[0], let rows = words(size) else { return [] }
        parts.append(rows)
      }
      found.append((mark, parts))
    }
    return found
  }
}
