import CPostgres

/// The options a connection text gives, by libpq's own parser.
func parseConnectionText(
  _ text: String
) throws(PostgresError) -> [(keyword: String, value: String)] {
  var message: UnsafeMutablePointer<CChar>?
  let parsed = unsafe PQconninfoParse(text, &message)
  // The message repeats parts of the text, so it is dropped unread.
  unsafe PQfreemem(message)
  guard let parsed = unsafe parsed else { throw .invalidConnectionString }
  defer { unsafe PQconninfoFree(parsed) }
  return unsafe optionValues(parsed)
}

/// The values libpq takes from the environment and the service file, by keyword.
func connectionDefaults() -> [String: String] {
  guard let defaults = unsafe PQconndefaults() else { return [:] }
  defer { unsafe PQconninfoFree(defaults) }
  return unsafe Dictionary(
    optionValues(defaults).filter { !$0.value.isEmpty }.map { ($0.keyword, $0.value) },
    uniquingKeysWith: { _, last in last })
}

/// The options that have a value, of an array that ends with an option without a keyword.
private func optionValues(
  _ options: UnsafeMutablePointer<PQconninfoOption>
) -> [(keyword: String, value: String)] {
  var values: [(keyword: String, value: String)] = []
  var option = unsafe options
  while let keyword = unsafe option.pointee.keyword {
    if let value = unsafe option.pointee.val {
      unsafe values.append((keyword: String(cString: keyword), value: String(cString: value)))
    }
    unsafe option += 1
  }
  return values
}
