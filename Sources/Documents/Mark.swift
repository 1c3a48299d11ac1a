/// A place in a document: file, line and column, both counted from 1.
///
/// Columns count characters (Unicode scalars), as editors do, not bytes.
package struct Mark: Hashable, Sendable {
  /// The file's name as the caller gave it.
  package var file: String
  /// The line, from 1.
  package var line: Int
  /// The column, from 1.
  package var column: Int

  /// A place with the given parts.
  package init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }
}

extension Mark: Comparable, CustomStringConvertible {
  /// Orders by file, then by position.
  package static func < (left: Mark, right: Mark) -> Bool {
    (left.file, left.line, left.column) < (right.file, right.line, right.column)
  }

  /// The place as `file:line:column`, the form editors and terminals can open.
  package var description: String { "\(file):\(line):\(column)" }
}
