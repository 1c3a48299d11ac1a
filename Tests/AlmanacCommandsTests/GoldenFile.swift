import Foundation
import Testing

/// Compares text with a file of the folder `Golden` beside the tests.
///
/// With `RECORD_GOLDEN=1` in the environment the file is written anew, and the test fails, so that
/// a recording run never passes for a checking one.
func expectGolden(
  _ text: String, _ name: String, kind: String = "txt",
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Golden").appending(path: "\(name).\(kind)")
  if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] == "1" {
    try Data((text + "\n").utf8).write(to: file)
    Issue.record("recorded \(name).\(kind); look at the change", sourceLocation: sourceLocation)
    return
  }
  let expected = String(decoding: try Data(contentsOf: file), as: UTF8.self)
  let pairs = zip(
    (text + "\n").split(separator: "\n", omittingEmptySubsequences: false),
    expected.split(separator: "\n", omittingEmptySubsequences: false))
  for (number, pair) in pairs.enumerated() where pair.0 != pair.1 {
    Issue.record(
      "\(name).\(kind), line \(number + 1): expected \"\(pair.1)\", found \"\(pair.0)\"",
      sourceLocation: sourceLocation)
    return
  }
  #expect(
    text + "\n" == expected, "\(name).\(kind) has another length", sourceLocation: sourceLocation)
}

/// Fails for each line that a terminal of 80 columns would break, or that is no single line.
func expectFits(_ lines: [String], sourceLocation: SourceLocation = #_sourceLocation) {
  for line in lines {
    #expect(
      line.count <= 80 && isOneLine(line), "\(line.count): \(line)",
      sourceLocation: sourceLocation)
  }
}

/// Whether a text has no line break.
func isOneLine(_ text: String) -> Bool { !text.contains(where: \.isNewline) }
