package import AlmanacCore

/// What is wrong with a document, and where.
///
/// Each description has the form `file:line:column: found X, expected Y (did you mean "Z"?)`. None
/// shows the value of an environment variable.
package enum DocumentError: Error, Hashable, Sendable {
  /// The text is not YAML, or uses a part of YAML that is not accepted here.
  case malformed(Mark, found: String, expected: String)
  /// A value is not what its place asks for.
  case unexpected(Mark, found: String, expected: String, suggestion: String?)
  /// A key means nothing in its mapping.
  case unknownKey(Mark, key: String, allowed: [String], suggestion: String?)
  /// A mapping lacks a key; the mark is where the mapping begins.
  case missingKey(Mark, key: String, owner: String)
  /// A key stands twice in one mapping.
  case duplicateKey(Mark, key: String, firstLine: Int)
  /// A value uses an environment variable that is not set.
  case missingVariable(Mark, name: String)
  /// A setting is known, but this version cannot do it.
  case notSupported(Mark, found: String, instead: String)
  /// The file has more bytes than a configuration file may have.
  case tooLarge(file: String, byteCount: Int, limit: Int)
  /// The memory for parsing could not be had.
  case outOfMemory(file: String)
}

extension DocumentError {
  /// Where the fault is; the start of the file where it concerns all of it.
  package var mark: Mark {
    switch self {
    case .malformed(let mark, _, _), .unexpected(let mark, _, _, _),
      .unknownKey(let mark, _, _, _), .missingKey(let mark, _, _), .duplicateKey(let mark, _, _),
      .missingVariable(let mark, _), .notSupported(let mark, _, _):
      mark
    case .tooLarge(let file, _, _), .outOfMemory(let file):
      Mark(file: file, line: 1, column: 1)
    }
  }

  private var message: String {
    switch self {
    case .malformed(_, let found, let expected):
      "found \(found), expected \(expected)"
    case .unexpected(_, let found, let expected, let suggestion):
      "found \(found), expected \(expected)" + hint(suggestion)
    case .unknownKey(_, let key, let allowed, let suggestion):
      "found unknown key \(quoted(key)), expected \(listed(allowed))" + hint(suggestion)
    case .missingKey(_, let key, let owner):
      "found no key \(quoted(key)), expected it in \(owner)"
    case .duplicateKey(_, let key, let firstLine):
      "found key \(quoted(key)) a second time, expected it only once (first in line \(firstLine))"
    case .missingVariable(_, let name):
      "found ${\(name)}, expected the environment variable \(name) to be set"
    case .notSupported(_, let found, let instead):
      "found \(found), which this version does not support, expected \(instead)"
    case .tooLarge(_, let byteCount, let limit):
      "found \(byteCount) bytes, expected a configuration file of at most \(limit)"
    case .outOfMemory:
      "found too little memory to read the file, expected a few megabytes"
    }
  }
}

extension DocumentError: ExitStatusConvertible {
  /// Place and fault on one line.
  package var description: String { "\(mark): \(message)" }

  /// Configuration, except where the machine and not the document is at fault.
  package var exitStatus: ExitStatus {
    if case .outOfMemory = self { .internalError } else { .configuration }
  }
}

/// Words as an error lists them: `a`, `a or b`, `one of a, b, c`.
package func listed(_ words: [String]) -> String {
  switch words.count {
  case 0: "none"
  case 1: words[0]
  case 2: "\(words[0]) or \(words[1])"
  default: "one of " + words.joined(separator: ", ")
  }
}

private func hint(_ suggestion: String?) -> String {
  suggestion.map { " (did you mean \"\($0)\"?)" } ?? ""
}
