/// A value in a document together with the place where it begins.
package struct Node: Hashable, Sendable {
  /// What a node holds.
  package enum Content: Hashable, Sendable {
    /// One value.
    case scalar(Scalar)
    /// A list.
    case sequence([Node])
    /// Named values, in the order of the document; no key occurs twice.
    case mapping([Entry])
  }

  /// One value as text.
  package struct Scalar: Hashable, Sendable {
    /// The value, with every `${NAME}` replaced.
    package var text: String
    /// The value as the document has it, the only form an error may show: a replaced value can be a
    /// secret.
    package var written: String
    /// Whether the value stands in quotes or in a block, so that an empty one is a text and not
    /// nothing.
    package var isQuoted: Bool

    /// A value; `written` differs from `text` only where a variable was replaced.
    package init(_ text: String, written: String? = nil, isQuoted: Bool = false) {
      self.text = text
      self.written = written ?? text
      self.isQuoted = isQuoted
    }

    /// Whether nothing is written, or YAML's words for it: `~` and `null`.
    package var isNothing: Bool {
      !isQuoted && (written.isEmpty || written == "~" || written == "null")
    }
  }

  /// A key of a mapping and its value.
  package struct Entry: Hashable, Sendable {
    /// The key.
    package var key: String
    /// Where the key begins.
    package var keyMark: Mark
    /// The value.
    package var value: Node

    /// An entry with the given parts.
    package init(key: String, keyMark: Mark, value: Node) {
      self.key = key
      self.keyMark = keyMark
      self.value = value
    }
  }

  /// Where the value begins.
  package var mark: Mark
  /// The value.
  package var content: Content

  /// A node with the given parts.
  package init(_ content: Content, at mark: Mark) {
    self.content = content
    self.mark = mark
  }

  /// How an error names the value: its written text in quotes, `nothing`, `a list` or `a mapping`.
  package var shortDescription: String {
    switch content {
    case .scalar(let scalar): scalar.isNothing ? "nothing" : quoted(scalar.written)
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }
}

/// A text in double quotes on one line, at most 60 characters of it.
package func quoted(_ text: String) -> String {
  var shown = ""
  for scalar in text.unicodeScalars.prefix(60) {
    switch scalar {
    case "\n": shown += "\\n"
    case "\t": shown += "\\t"
    default:
      let isControl = scalar.properties.generalCategory == .control
      shown += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }
  }
  return "\"\(shown)\(text.unicodeScalars.count > 60 ? "…" : "")\""
}
