extension Node {
  /// The same without some keys of the mapping; of another value nothing is left out.
  package func without(_ keys: Set<String>) -> Node {
    guard case .mapping(let entries) = content else { return self }
    return Node(.mapping(entries.filter { !keys.contains($0.key) }), at: mark)
  }

  /// One text for all ways to write the same value, to be hashed.
  ///
  /// Comments, white space, quotes, block or flow style and the order of keys do not change it; any
  /// other change of a key or value does. Lists keep their order. The values that replaced
  /// `${NAME}` are part of it, so it must not be logged.
  package var canonicalText: String {
    switch content {
    case .scalar(let scalar):
      scalar.isNothing ? "null" : escaped(scalar.text)
    case .sequence(let items):
      "[" + items.map(\.canonicalText).joined(separator: ",") + "]"
    case .mapping(let entries):
      "{"
        + entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { escaped($0.key) + ":" + $0.value.canonicalText }
        .joined(separator: ",") + "}"
    }
  }
}

/// A text in quotes with quotes and backslashes escaped, so that no two texts look the same.
private func escaped(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    if scalar == "\"" || scalar == "\\" { result.unicodeScalars.append("\\") }
    result.unicodeScalars.append(scalar)
  }
  return result + "\""
}
