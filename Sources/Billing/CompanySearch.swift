package import AlmanacCore

/// What there is one of for each company.
package protocol CompanyOwned {
  /// The company.
  var company: UUIDValue { get }
}

extension CompanyLedger: CompanyOwned {}
extension CompanyHoldings: CompanyOwned {}

/// Finds what companies have, of companies that are asked for one after the other.
///
/// Asked in ascending order each is found next to the one before, so that all of them together take
/// time linear in the elements. Any other order is answered, too, and takes a search each.
package struct CompanyCursor<Element: CompanyOwned> {
  private let elements: [Element]
  /// Where the last company was found, or would be.
  private var place = 0

  /// A cursor at the start.
  ///
  /// - Parameter elements: at most one for a company, in ascending order of companies.
  package init(_ elements: [Element]) { self.elements = elements }

  /// The element of a company; `nil` if it has none.
  package mutating func element(of company: UUIDValue) -> Element? {
    place = firstNotBefore(company)
    guard place < elements.count, elements[place].company == company else { return nil }
    return elements[place]
  }

  private func firstNotBefore(_ company: UUIDValue) -> Int {
    var low = 0
    var high = place - 1
    if high < 0 || elements[high].company < company {
      low = place
      var step = 1
      while low + step <= elements.count, elements[low + step - 1].company < company {
        low += step
        step *= 2
      }
      high = min(low + step - 1, elements.count)
    }
    // All before `low` are of companies before this one, and none from `high` on is.
    while low < high {
      let middle = (low + high) / 2
      if elements[middle].company < company { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
