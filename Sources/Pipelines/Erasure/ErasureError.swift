package import AlmanacCore

/// Why somebody cannot be forgotten.
package enum ErasureError: ExitStatusConvertible, Equatable {
  /// A dataset is held that no file defines.
  case undefined(dataset: String)
  /// A dataset names the company and does not say whose its rows are.
  case withoutTenant(dataset: String, column: String)
  /// A dataset says whose its rows are in a column of another type.
  case tenantIsNoUUID(dataset: String, column: String)
  /// A dataset's file names another key or time than its rows were kept by.
  case layoutChanged(dataset: String)
  /// Nothing names the one to forget.
  case unknown(what: String)

  /// A wrong configuration, or a missing input.
  package var exitStatus: ExitStatus {
    switch self {
    case .undefined, .withoutTenant, .tenantIsNoUUID, .layoutChanged: .configuration
    case .unknown: .missingInput
    }
  }

  /// One line that says what is wrong and what to do.
  package var description: String {
    switch self {
    case .undefined(let dataset):
      "the data folder holds dataset \(dataset), and no datasets/\(dataset).yaml tells whose its rows "
        + "are; bring the file back, or forget the dataset by `almanac datasets reset \(dataset) --yes`"
    case .withoutTenant(let dataset, let column):
      "column \(column) of dataset \(dataset) names the company, but datasets/\(dataset).yaml has no "
        + "`tenant:`; add `tenant: \(column)`"
    case .tenantIsNoUUID(let dataset, let column):
      "column \(column) of dataset \(dataset) is its `tenant:` and no uuid, so nobody's rows can be found "
        + "there; declare it `uuid`, with the cast `\(column): uuid = \(column)::uuid` if the source has "
        + "text, extract, and forget again"
    case .layoutChanged(let dataset):
      "datasets/\(dataset).yaml names another key or time than the rows held were kept by; bring these "
        + "lines back, or read it anew after `almanac datasets reset \(dataset) --yes`; nothing was changed"
    case .unknown(let what):
      "nothing in the target or the data folder names \(what); nothing was changed"
    }
  }
}
