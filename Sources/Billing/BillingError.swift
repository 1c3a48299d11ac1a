package import AlmanacCore

/// Why ledger, metrics, cohorts or funnels cannot be computed.
package enum BillingError: ExitStatusConvertible, Equatable {
  /// A batch lacks a column.
  case missingColumn(dataset: String, column: String)
  /// A column is not of the type that is needed.
  case wrongType(dataset: String, column: String, expected: String)
  /// A row has no value where one is needed; rows count from 1 in reading order.
  case missingValue(dataset: String, column: String, row: Int)
  /// A row has a value the source contract does not know; rows count from 1 in reading order.
  case unknownValue(dataset: String, column: String, row: Int)
  /// An amount other than zero has no currency.
  case missingCurrency(dataset: String)
  /// An amount cannot be converted into the reporting currency.
  case conversion(ConversionFailure)
  /// The changes of one subscription name two companies.
  case subscriptionOfTwoCompanies(subscription: UUIDValue)
  /// A change makes a subscription count without saying its amount, period or currency.
  case missingTerms(change: UUIDValue, term: String)
  /// The movements of a company's month do not lead from its start to its end: a fault of ours.
  case brokenIdentity(company: UUIDValue, month: CalendarDate, rule: String)
  /// The steps of a funnel are not usable.
  case badFunnel(name: String, reason: String)

  /// One line that says what is wrong and what to do.
  package var description: String {
    switch self {
    case .missingColumn(let dataset, let column):
      "\(dataset): there is no column \(column); declare it in datasets/\(dataset).yaml"
    case .wrongType(let dataset, let column, let expected):
      "\(dataset): column \(column) must be \(expected); change its type in the dataset's file"
    case .missingValue(let dataset, let column, let row):
      "\(dataset): row \(row) has no \(column); correct it in the source and extract again"
    case .unknownValue(let dataset, let column, let row):
      "\(dataset): row \(row) has a \(column) that the source contract does not know;"
        + " correct it in the source or map it in the dataset's file"
    case .missingCurrency(let dataset):
      "\(dataset): an amount has no currency of three letters; correct it in the source"
    case .conversion(let failure): failure.description
    case .subscriptionOfTwoCompanies:
      "subscription_changes: the changes of one subscription name two companies;"
        + " correct company_id in the source (--verbose names the subscription)"
    case .missingTerms(_, let term):
      "subscription_changes: a change makes a subscription count without a \(term);"
        + " correct it in the source (--verbose names the change)"
    case .brokenIdentity(_, let month, let rule):
      "the MRR of one company does not add up in \(month.description.prefix(7)): \(rule);"
        + " nothing was written, report this (--verbose names the company)"
    case .badFunnel(let name, let reason):
      "funnel \(name): \(reason); correct it in models/funnels.yaml"
    }
  }

  /// 66 for a missing column, 65 for bad values, 70 for a fault of ours, 78 for a bad funnel.
  package var exitStatus: ExitStatus {
    switch self {
    case .missingColumn: .missingInput
    case .wrongType, .missingValue, .unknownValue, .missingCurrency, .subscriptionOfTwoCompanies,
      .missingTerms:
      .badData
    case .conversion(let failure): failure.exitStatus
    case .brokenIdentity: .internalError
    case .badFunnel: .configuration
    }
  }
}

extension BillingError: CustomDebugStringConvertible {
  /// The description, with the identifier that it leaves out.
  package var debugDescription: String {
    switch self {
    case .subscriptionOfTwoCompanies(let subscription):
      "\(description); subscription \(subscription)"
    case .missingTerms(let change, _): "\(description); change \(change)"
    case .brokenIdentity(let company, _, _): "\(description); company \(company)"
    default: description
    }
  }
}
