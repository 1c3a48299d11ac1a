package import AlmanacCore

/// What became of one check in one run.
package struct CheckResult: Equatable, Sendable {
  /// How a check ended.
  package enum Status: String, Equatable, Sendable, CaseIterable {
    /// The rule holds.
    case passed
    /// The rule is broken and the run stops.
    case failed
    /// The rule is broken and the run goes on.
    case warned
    /// The rule could not be looked at.
    case skipped
  }

  /// The dataset.
  package var dataset: String
  /// The check's name, unique within the dataset.
  package var check: String
  /// What a failure means.
  package var level: DatasetCheck.Level
  /// How it ended.
  package var status: Status
  /// What was found, in words without values of rows.
  package var observed: String
  /// What was demanded, in words.
  package var expected: String
  /// The number of rows that the check is about.
  package var rows: Int
  /// The number of rows that break it.
  package var badRows: Int
  /// Keys of a few of these.
  package var examples: [String]
  /// The digest of everything the result depends on; `nil` where it is not to be used again.
  package var inputsDigest: String?

  /// Keys that are kept as examples.
  package static let maximumExamples = 3

  /// One line: dataset, check, what was found and demanded, and a few keys.
  package var line: String {
    "\(dataset): \(check): \(observed), expected \(expected)"
      + (examples.isEmpty
        ? "" : "; \(examples.count == 1 ? "key" : "keys") \(examples.joined(separator: ", "))")
  }
}

extension CheckResult {
  /// A result of a check, whose status follows from whether it holds.
  init(
    _ check: DatasetCheck, of dataset: String, holds: Bool?, observed: String, expected: String,
    rows: Int = 0, badRows: Int = 0, examples: [String] = [], inputsDigest: String? = nil
  ) {
    self.dataset = dataset
    self.check = check.name
    level = check.level
    status =
      switch holds {
      case nil: .skipped
      case true?: .passed
      case false?: check.level == .error ? .failed : .warned
      }
    self.observed = observed
    self.expected = expected
    self.rows = rows
    self.badRows = badRows
    self.examples = examples
    self.inputsDigest = inputsDigest
  }
}

/// A contract of a dataset is broken: nothing was computed from it.
package struct ContractError: ExitStatusConvertible, Equatable {
  /// The first check that failed.
  package let first: CheckResult
  /// The number of checks that failed.
  package let count: Int

  /// An error about the failed results among these, `nil` if there is none.
  package init?(_ results: [CheckResult]) {
    let failed = results.filter { $0.status == .failed }
    guard let first = failed.first else { return nil }
    self.first = first
    count = failed.count
  }

  /// Always ``ExitStatus/badData``.
  package var exitStatus: ExitStatus { .badData }

  /// One line with the first failed check, and how many more there are.
  package var description: String {
    let more =
      switch count - 1 {
      case 0: ""
      case 1: "; 1 more check failed"
      case let others: "; \(others) more checks failed"
      }
    return "dataset \(first.line)\(more); nothing was computed: correct the source or the checks "
      + "in datasets/\(first.dataset).yaml (all results: almanac.source_contract_results)"
  }
}
