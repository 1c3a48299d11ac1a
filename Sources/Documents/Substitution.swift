/// A value with each `${NAME}` replaced and each `$${` turned into `${`.
///
/// A replacement is not searched again, so a variable's own text can hold anything.
func substituting(
  _ written: String, at mark: Mark, _ lookup: (String) -> String?
) throws(DocumentError) -> String {
  guard written.utf8.contains(UInt8(ascii: "$")) else { return written }
  var result: [UInt8] = []
  var rest = Array(written.utf8)[...]
  while let byte = rest.first {
    if rest.starts(with: "$${".utf8) {
      result += "${".utf8
      rest = rest.dropFirst(3)
    } else if rest.starts(with: "${".utf8) {
      let name = rest.dropFirst(2).prefix(while: isNameByte)
      let after = rest.dropFirst(2 + name.count)
      guard let first = name.first, !isDigit(first), after.first == UInt8(ascii: "}") else {
        throw .malformed(
          mark, found: "\"${\" without a name and \"}\"",
          expected: "${NAME} for an environment variable, or $${ for the characters themselves")
      }
      let text = String(decoding: name, as: UTF8.self)
      guard let value = lookup(text) else { throw .missingVariable(mark, name: text) }
      result += value.utf8
      rest = after.dropFirst()
    } else {
      result.append(byte)
      rest = rest.dropFirst()
    }
  }
  return String(decoding: result, as: UTF8.self)
}

func isDigit(_ byte: UInt8) -> Bool {
  byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
}

func isNameByte(_ byte: UInt8) -> Bool {
  let lower = byte | 32
  return isDigit(byte) || byte == UInt8(ascii: "_")
    || lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")
}
