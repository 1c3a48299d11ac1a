import AlmanacCore

/// What there is one of for each company.
protocol CompanyOwned {
  /// The company.
  var company: UUIDValue { get }
}

extension Array where Element: CompanyOwned {
  /// The element of a company, of elements in ascending order of their companies; `nil` if it has
  /// none.
  func element(of company: UUIDValue) -> Element? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].company < company { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low].company == company ? self[low] : nil
  }
}

extension CompanyLedger: CompanyOwned {}
extension CompanyHoldings: CompanyOwned {}
