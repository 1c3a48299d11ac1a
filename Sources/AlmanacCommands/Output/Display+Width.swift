extension Display {
  /// The number of columns that a terminal gives to a text without control characters.
  ///
  /// Letters of East Asia and emoji take two, everything else that is visible one.
  package static func width(of text: String) -> Int {
    // Nearly all cells are ASCII, where a byte is a column.
    if text.utf8.allSatisfy({ $0 < 0x80 && $0 != 0x0D }) { return text.utf8.count }
    return text.reduce(0) { $0 + width(of: $1) }
  }

  /// A text of at most the given width, marked by `…` where it had to be cut.
  package static func cut(_ text: String, to width: Int) -> String {
    if self.width(of: text) <= width { return text }
    var kept = ""
    var used = 1
    for character in text {
      used += self.width(of: character)
      if used > width { break }
      kept.append(character)
    }
    return kept + "…"
  }

  private static func width(of character: Character) -> Int {
    character.unicodeScalars.contains(where: isWide) ? 2 : 1
  }

  /// Whether a scalar is of East Asian width `W` or `F`, by whole blocks.
  ///
  /// - SeeAlso: Unicode Standard Annex #11; U+FE0F makes an emoji of the sign before it.
  private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3,
      0xF900...0xFAFF, 0xFE0F, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6,
      0x16FE0...0x18CFF, 0x1B000...0x1B2FF, 0x1F300...0x1F64F, 0x1F680...0x1F6FF,
      0x1F900...0x1FAFF, 0x20000...0x3FFFD:
      true
    default: false
    }
  }
}
