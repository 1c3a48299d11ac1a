import AlmanacCore
import Codecs
import Columns
import Files
import FoundationEssentials
import Synchronization

/// What earlier evaluations found on each day, with the files it was found in.
///
/// A day to which files were added is then looked at in these files only (DECISIONS.md, D-138). It
/// is a hidden file in the dataset's folder that checks itself by a digest; without it everything
/// is looked at again.
final class ContractMemo: Sendable {
  /// What was found on a day.
  struct Day: Codable, Equatable, Sendable {
    /// The paths of the files with rows.
    var parts: [String]
    /// The paths of the files with keys that another day counts.
    var repeats: [String]
    /// The number of bad rows.
    var bad: Int
    /// Keys of a few of these.
    var examples: [String]
  }

  /// What was found by one rule, or by all rules about single rows.
  struct Finding: Codable, Equatable, Sendable {
    /// The digest of everything it depends on beside the files.
    var settings: String
    /// By day, `YYYY-MM-DD`.
    var days: [String: Day] = [:]
    /// The keys that a foreign key led to, 32 hexadecimal digits each.
    var keys: [String]?
  }

  private let path: String
  private let findings: Mutex<[String: Finding]>

  /// The name of the file in the folder of a dataset.
  static let name = ".checks"

  /// The memo of a dataset, `isEmpty` if what was found earlier is not to be used.
  init(dataset: String, in directory: String, isEmpty: Bool) throws {
    path = "\(directory)/\(dataset)/\(ContractMemo.name)"
    var known: [String: Finding] = [:]
    if !isEmpty, try FileSystem.exists(path) {
      let bytes = try FileSystem.read(path)
      let digest = bytes.prefix(64)
      let content = Array(bytes.dropFirst(65))
      if digest.elementsEqual(SHA256.hexadecimalDigest(of: content).utf8) {
        known = (try? JSONDecoder().decode([String: Finding].self, from: Data(content))) ?? [:]
      }
    }
    findings = Mutex(known)
  }

  /// What was found under a name and with some settings, empty if nothing was.
  func finding(_ name: String, settings: String) -> Finding {
    let known = findings.withLock { $0[name] }
    if let known, known.settings == settings { return known }
    return Finding(settings: settings)
  }

  /// Replaces what was found under a name.
  func keep(_ finding: Finding, _ name: String) {
    findings.withLock { $0[name] = finding }
  }

  private static let heldName = "held"

  /// Whether the contract held for what the cut at an instant brought.
  func hasHeld(at cut: String) -> Bool {
    findings.withLock { $0[ContractMemo.heldName]?.settings == cut }
  }

  /// Keeps that the contract held for what the cut at an instant brought.
  func keepHeld(at cut: String) {
    keep(Finding(settings: cut), ContractMemo.heldName)
  }

  /// Writes the file, as long as the dataset has a folder.
  func write() throws {
    guard try FileSystem.isDirectory(FileSystem.directory(of: path)) else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let content = Array(try findings.withLock { try encoder.encode($0) })
    let file = Array((SHA256.hexadecimalDigest(of: content) + "\n").utf8) + content
    if try FileSystem.exists(path), try FileSystem.read(path) == file { return }
    try FileSystem.writeAtomically(file, to: path)
  }
}

extension ContractUnit {
  /// The paths of the files with rows, ascending.
  var rowPaths: [String] { parts.filter(\.holdsRows).map(\.path).sorted() }
  /// The paths of the files with keys that another day counts, ascending.
  var repeatPaths: [String] { parts.filter { $0.kind == .repeats }.map(\.path).sorted() }

  /// What a day of the memo says of these rows with some bad ones.
  func memo(bad: Int, examples: [String]) -> ContractMemo.Day {
    ContractMemo.Day(parts: rowPaths, repeats: repeatPaths, bad: bad, examples: examples)
  }

  /// Whether a day of the memo is about exactly these rows.
  func agrees(with day: ContractMemo.Day) -> Bool {
    day.parts == rowPaths && day.repeats == repeatPaths
  }

  /// The rows that were added to those of a day of the memo, `nil` if that is not all that changed.
  func added(to day: ContractMemo.Day) -> ContractUnit? {
    guard day.repeats == repeatPaths else { return nil }
    let known = Set(day.parts)
    let fresh = parts.filter { !$0.holdsRows || !known.contains($0.path) }
    guard parts.count - fresh.count == known.count else { return nil }
    return ContractUnit(date: date, parts: fresh)
  }
}
