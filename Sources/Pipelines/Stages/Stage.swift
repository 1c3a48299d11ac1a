/// One step of a pipeline: reads what earlier stages wrote and writes only its own outputs.
package protocol Stage: Sendable {
  /// The name as pipelines write it.
  var name: String { get }
  /// Does the stage's work for the run.
  func run(in context: RunContext) throws -> StageOutcome
  /// What the stage would do, for a plan; changes nothing.
  func outlook(in context: RunContext) throws -> StageOutlook
}

/// What a stage did, for the ledger and the summary.
package struct StageOutcome: Sendable {
  /// Rows read.
  package var rowsIn = 0
  /// Rows written.
  package var rowsOut = 0
  /// Bytes read from the wire or written to files.
  package var bytes = 0
  /// Facts in words, in order, such as `days: 739`.
  package var facts: [Fact] = []
  /// Lines for a person: something unusual was noticed.
  package var notices: [String] = []

  /// A named value of a stage's outcome.
  package struct Fact: Sendable, Equatable {
    /// What it is.
    package var name: String
    /// Its value.
    package var value: String
  }

  /// An outcome without rows or facts.
  package init() {}

  /// Adds a fact.
  package mutating func note(_ name: String, _ value: some CustomStringConvertible) {
    facts.append(Fact(name: name, value: value.description))
  }

  /// Facts and notices as a JSON object.
  package var detailJSON: String {
    var object = JSONText()
    for fact in facts { object.add(fact.name, text: fact.value) }
    if !notices.isEmpty { object.add("notices", texts: notices) }
    return object.finish()
  }
}

/// Writes a small JSON object with its keys in the order they are added.
package struct JSONText {
  private var parts: [String] = []

  /// An object without members.
  package init() {}

  /// Adds a text.
  package mutating func add(_ key: String, text: String?) {
    add(key, raw: text.map(JSONText.quoted) ?? "null")
  }

  /// Adds a list of texts.
  package mutating func add(_ key: String, texts: [String]) {
    add(key, raw: "[" + texts.map(JSONText.quoted).joined(separator: ",") + "]")
  }

  /// Adds a number; one that is not finite becomes null.
  package mutating func add(_ key: String, number: Double?) {
    add(key, raw: number.flatMap { $0.isFinite ? "\($0)" : nil } ?? "null")
  }

  /// Adds a whole number.
  package mutating func add(_ key: String, integer: Int) {
    add(key, raw: String(integer))
  }

  /// Adds a member whose value is JSON already.
  package mutating func add(_ key: String, raw: String) {
    parts.append(JSONText.quoted(key) + ":" + raw)
  }

  /// The object.
  package func finish() -> String { "{" + parts.joined(separator: ",") + "}" }

  /// A JSON string.
  package static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      case "\r": quoted += "\\r"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          quoted.unicodeScalars.append(scalar)
        }
      }
    }
    return quoted + "\""
  }
}
