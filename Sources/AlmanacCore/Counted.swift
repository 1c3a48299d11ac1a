/// A number with its noun, such as `1 row` or `3 rows`.
///
/// - Parameters:
///   - count: how many there are.
///   - noun: the word for one, which takes an "s" for several.
/// - Returns: both, the number in plain digits.
package func counted(_ count: Int, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}
