import AlmanacCore
package import Billing

extension RunContext {
  /// The dataset that holds the rates between currencies.
  package static let ratesDataset = "exchange_rates"

  /// The exchange rates that the data directory holds, as recorded by the cut they were read at.
  ///
  /// Amounts are converted to the pipeline's reporting currency, ``PipelineDefinition/currency``,
  /// with ``ExchangeRates/convert(_:from:to:on:dividedBy:)`` (DECISIONS.md, D-150, D-151).
  ///
  /// - Returns: `nil` where no such dataset is defined, or its table is not in the source: then
  ///   nothing can be converted, and an amount in another currency is an error.
  /// - Throws: ``PipelineError/notExtracted(dataset:)`` where the dataset is not optional and was
  ///   never extracted; `BillingError` for a column or value that is not as the contract says;
  ///   ``PipelineError/damagedPart(path:reason:)``.
  package func exchangeRates() throws -> ExchangeRates? {
    try project.exchangeRates(in: directory.manifest, directory.reader)
  }
}

extension Project {
  /// The exchange rates of a manifest; see ``RunContext/exchangeRates()``.
  func exchangeRates(in manifest: Manifest, _ reader: PartReader) throws -> ExchangeRates? {
    let name = RunContext.ratesDataset
    guard let definition = dataset(name) else { return nil }
    guard let entry = manifest.datasets[name] else {
      if definition.isOptional { return nil }
      throw PipelineError.notExtracted(dataset: name)
    }
    guard let cut = Timestamp(entry.watermark.takenAt) else {
      throw PipelineError.damagedPart(
        path: "manifest.json", reason: "the cut of \(name) is no instant")
    }
    let batches = try reader.read(
      name, columns: ["base", "quote", "rate_date", "rate", "created_at"])
    return ExchangeRates(try ExchangeRate.rows(in: batches), knownBy: cut)
  }
}
