/// How many convert in the end, when some were not observed long enough.
package enum ProductLimit {
  /// One minus the product-limit estimate of survival after the last conversion.
  ///
  /// Those who are censored count among those at risk up to and including their time; those who are
  /// known not to convert, to the end. Between two censored times the factors telescope, so without
  /// any the result is the plain share.
  ///
  /// - Parameters:
  ///   - converted: the times from entry to conversion.
  ///   - censored: the times from entry after which nothing is known.
  ///   - never: the number of those known not to convert.
  /// - Returns: a share from 0 to 1; `nil` with nobody at all.
  /// - SeeAlso: Kaplan & Meier, *JASA* 53, 1958, doi:10.1080/01621459.1958.10501452.
  package static func conversion(converted: [Int64], censored: [Int64], never: Int) -> Double? {
    var atRisk = converted.count + censored.count + never
    if atRisk == 0 { return nil }
    let times = converted.sorted()
    let ends = censored.sorted()
    var survival = 1.0
    var event = 0
    var end = 0
    while event < times.count {
      // Nobody is censored before the next conversion who is still counted.
      while end < ends.count, ends[end] < times[event] {
        end += 1
        atRisk -= 1
      }
      var last = event
      while last < times.count, end == ends.count || times[last] <= ends[end] { last += 1 }
      survival *= Double(atRisk - (last - event)) / Double(atRisk)
      atRisk -= last - event
      event = last
    }
    return 1 - survival
  }
}
