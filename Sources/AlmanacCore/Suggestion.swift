/// Finds what somebody probably meant to write.
package enum Suggestion {
  /// The candidate closest to `text`, or `nil` if none is close enough to suggest.
  ///
  /// Close enough is at most a third of the longer word's letters in edits (insertion, deletion,
  /// replacement, swap of neighbours), ignoring case; a single edit always is, unless it leaves no
  /// letter in place. Ties go to the first candidate.
  package static func closest(to text: String, among candidates: [String]) -> String? {
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
      let distance = editDistance(text.lowercased(), candidate.lowercased())
      let length = max(text.count, candidate.count)
      guard distance <= length / 3 + (distance == 1 && length > 1 ? 1 : 0) else { continue }
      if distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.candidate
  }

  /// ` (did you mean "x"?)` when there is a close candidate, else the empty string.
  package static func didYouMean(_ text: String, among candidates: [String]) -> String {
    closest(to: text, among: candidates).map { " (did you mean \"\($0)\"?)" } ?? ""
  }

  /// The optimal string alignment distance between two words.
  package static func editDistance(_ left: String, _ right: String) -> Int {
    let left = Array(left)
    let right = Array(right)
    if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
    var rows = [[Int]](
      repeating: [Int](repeating: 0, count: right.count + 1), count: left.count + 1)
    for row in 0...left.count { rows[row][0] = row }
    for column in 0...right.count { rows[0][column] = column }
    for row in 1...left.count {
      for column in 1...right.count {
        let replacing = rows[row - 1][column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
        var cost = min(rows[row - 1][column] + 1, rows[row][column - 1] + 1, replacing)
        if row > 1, column > 1, left[row - 1] == right[column - 2],
          left[row - 2] == right[column - 1]
        {
          cost = min(cost, rows[row - 2][column - 2] + 1)
        }
        rows[row][column] = cost
      }
    }
    return rows[left.count][right.count]
  }
}
