/// The name of a table or view with its schema.
package struct QualifiedName: Hashable, Sendable {
  /// The schema's name.
  package let schema: String
  /// The name within the schema.
  package let name: String

  /// The name of the given parts, written exactly as the catalogue holds them.
  package init(schema: String, name: String) {
    self.schema = schema
    self.name = name
  }

  /// The name written as `schema.name`, or `nil` if the text is anything else.
  ///
  /// A part in double quotes may hold any character, a quote being doubled; a part without quotes
  /// is letters, digits, `_` and `$`, and is taken as it is written, in its own case.
  package init?(_ text: String) {
    var parts: [String] = []
    var rest = text[...]
    repeat {
      if !parts.isEmpty { rest = rest.dropFirst() }
      guard let part = QualifiedName.part(&rest) else { return nil }
      parts.append(part)
    } while rest.first == "."
    guard rest.isEmpty, parts.count == 2 else { return nil }
    self.init(schema: parts[0], name: parts[1])
  }

  /// The name for use in a statement, each part quoted.
  package var quoted: String { "\(quoteIdentifier(schema)).\(quoteIdentifier(name))" }

  private static func part(_ rest: inout Substring) -> String? {
    if rest.first == "\"" {
      var part = ""
      rest = rest.dropFirst()
      while let character = rest.first {
        rest = rest.dropFirst()
        if character != "\"" {
          part.append(character)
        } else if rest.first == "\"" {
          part.append("\"")
          rest = rest.dropFirst()
        } else {
          return part.isEmpty ? nil : part
        }
      }
      return nil
    }
    let part = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }
    rest = rest.dropFirst(part.count)
    return part.isEmpty ? nil : String(part)
  }
}

extension QualifiedName: CustomStringConvertible {
  /// The name as `schema.name`, for messages.
  package var description: String { "\(schema).\(name)" }
}

/// An identifier in double quotes, for use in a statement.
package func quoteIdentifier(_ name: String) -> String {
  "\"" + doubling("\"", in: name) + "\""
}

/// A text as a string literal, for use in a statement.
///
/// A text with a backslash becomes an `E''` literal, which means the same whatever
/// `standard_conforming_strings` says.
package func quoteLiteral(_ text: String) -> String {
  let quoted = "'" + doubling("'", in: text) + "'"
  return text.utf8.contains(UInt8(ascii: "\\")) ? "E" + doubling("\\", in: quoted) : quoted
}

/// The text with each occurrence of an ASCII character written twice.
private func doubling(_ character: Unicode.Scalar, in text: String) -> String {
  var doubled = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    doubled.append(scalar)
    if scalar == character { doubled.append(scalar) }
  }
  return String(doubled)
}
