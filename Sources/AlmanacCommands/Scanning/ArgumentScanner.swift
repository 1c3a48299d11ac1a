package import AlmanacCore

/// A command line that cannot be understood.
package struct UsageError: ExitStatusConvertible, Equatable {
  /// What is wrong, in one line.
  package let description: String
  /// Always ``ExitStatus/usage``.
  package var exitStatus: ExitStatus { .usage }

  /// An error with the given text.
  package init(_ description: String) {
    self.description = description
  }
}

/// Takes options and operands out of a command line, one by one, and refuses what is left.
///
/// `--name value` and `--name=value` are the same; everything after `--` is an operand, and so is a
/// negative number. An option given twice is refused, and so is an empty value, most often that of
/// an unset shell variable. Parsing does no I/O.
package struct ArgumentScanner {
  private struct Token {
    var text: String
    var isOption: Bool
  }

  /// The options whose value is a connection string, which ``value(_:)`` refuses elsewhere.
  private static let connectionOptions: Set = ["--source", "--target"]

  /// The words of the command line, as given.
  package let words: [String]
  private var tokens: [Token]
  private var known: [String] = []

  /// A scanner over the arguments after the command's name.
  package init(_ arguments: some Sequence<String>) {
    var tokens: [Token] = []
    var onlyOperands = false
    for argument in arguments {
      if argument == "--", !onlyOperands {
        onlyOperands = true
      } else {
        let isNumber = argument.dropFirst().first?.isNumber ?? true
        let isOption = !onlyOperands && argument.hasPrefix("-") && !isNumber
        tokens.append(Token(text: argument, isOption: isOption))
      }
    }
    self.tokens = tokens
    words = Array(arguments)
  }

  /// Takes a switch such as `--force`; `short` is a one-letter form such as `-h`.
  package mutating func flag(_ name: String, short: String? = nil) throws(UsageError) -> Bool {
    known.append(name)
    let matches = tokens.indices.filter { index in
      tokens[index].isOption && (tokens[index].text == name || tokens[index].text == short)
    }
    if let index = tokens.firstIndex(where: { $0.isOption && $0.text.hasPrefix(name + "=") }) {
      throw UsageError("\(name) takes no value, found \(shown(tokens[index].text))")
    }
    guard matches.count <= 1 else { throw UsageError("\(name) is given twice") }
    if let index = matches.first { tokens.remove(at: index) }
    return !matches.isEmpty
  }

  /// Takes an option with a value, or `nil` if it is not given.
  package mutating func value(_ name: String) throws(UsageError) -> String? {
    known.append(name)
    var found: String?
    while let index = tokens.firstIndex(where: {
      $0.isOption && ($0.text == name || $0.text.hasPrefix(name + "="))
    }) {
      guard found == nil else { throw UsageError("\(name) is given twice") }
      if tokens[index].text == name {
        guard index + 1 < tokens.count, !tokens[index + 1].isOption else {
          throw UsageError("\(name) needs a value")
        }
        found = tokens[index + 1].text
        tokens.removeSubrange(index...(index + 1))
      } else {
        found = String(tokens[index].text.dropFirst(name.count + 1))
        tokens.remove(at: index)
      }
      if let found, looksLikeConnection(found), !Self.connectionOptions.contains(name) {
        throw UsageError("\(name) takes another value, found \(shown(found))")
      }
      if found == "" { throw UsageError("\(name) needs a value, found an empty one") }
    }
    return found
  }

  /// Takes an option whose value is a whole number within bounds.
  package mutating func integer(
    _ name: String, in bounds: ClosedRange<Int>
  ) throws(UsageError) -> Int? {
    guard let text = try value(name) else { return nil }
    guard let number = Int(text), bounds.contains(number) else {
      throw UsageError(
        "\(name) is a whole number from \(bounds.lowerBound) to \(bounds.upperBound), "
          + "found \(shown(text))")
    }
    return number
  }

  /// Takes an option whose value is a date.
  package mutating func date(_ name: String) throws(UsageError) -> CalendarDate? {
    guard let text = try value(name) else { return nil }
    guard let date = CalendarDate(text) else {
      throw UsageError("\(name) is a date such as 2026-01-31, found \(shown(text))")
    }
    return date
  }

  /// Takes the next operand, or `nil` if there is none.
  package mutating func operand() -> String? {
    guard let index = tokens.firstIndex(where: { !$0.isOption }) else { return nil }
    return tokens.remove(at: index).text
  }

  /// Takes the next operand as the name of a pipeline.
  ///
  /// - Parameter option: the option that may have been left out before a connection string.
  /// - Returns: the name, or `nil` if there is none.
  /// - Throws: ``UsageError`` for a connection string, which is not repeated.
  mutating func pipeline(before option: String) throws(UsageError) -> String? {
    guard let name = operand() else { return nil }
    guard shown(name).contains(name) else {
      throw UsageError("the pipeline's name is a connection string; put \(option) before")
    }
    return name
  }

  /// Refuses whatever was not taken.
  package consuming func finish() throws(UsageError) {
    guard let token = tokens.first else { return }
    if token.isOption {
      let name = String(token.text.prefix { $0 != "=" })
      guard !looksLikeConnection(name) else { throw UsageError("unknown option \(shown(name))") }
      throw UsageError("unknown option \(name)\(Suggestion.didYouMean(name, among: known))")
    }
    throw UsageError("unexpected argument \(shown(token.text))")
  }
}

/// An argument in quotes, for a message; a connection string may hold a password and is not shown.
func shown(_ argument: String) -> String {
  looksLikeConnection(argument) ? "(a connection string, not shown)" : "\"\(argument)\""
}

/// Whether a text is a URI, holds a password by keyword, or begins like `user:password@`.
private func looksLikeConnection(_ text: String) -> Bool {
  let hasPassword = text.contains("=") && text.lowercased().contains("password")
  let beforeHost = text.contains("@") ? text.prefix { $0 != "@" } : ""
  return text.contains("://") || hasPassword
    || beforeHost.contains(":") && !beforeHost.contains("/")
}
