package import AlmanacCore
package import Billing

/// Why a prediction cannot be made.
package enum PredictionError: ExitStatusConvertible, Equatable {
  /// A batch lacks a column that the model reads, or has it in another type.
  case missingColumn(dataset: String, column: String)
  /// An amount is in a currency other than the reporting currency.
  case foreignCurrency(dataset: String, currency: String, reporting: CurrencyCode)
  /// An amount in another currency cannot be converted.
  case conversion(ConversionFailure)
  /// No revenue happened and was recorded by the end of the logical date.
  case noRevenue(through: CalendarDate)

  /// A forecast is too large to be an amount of money.
  case amountOutOfRange(period: CalendarDate)

  /// The status the program exits with.
  package var exitStatus: ExitStatus {
    switch self {
    case .missingColumn: .configuration
    case .foreignCurrency, .amountOutOfRange: .badData
    case .conversion(let failure): failure.exitStatus
    case .noRevenue: .missingInput
    }
  }

  /// One line that says what is wrong and what to do.
  package var description: String {
    switch self {
    case .missingColumn(let dataset, let column):
      "dataset \(dataset) has no column \(column) of the type that the revenue model reads; "
        + "declare it in datasets/\(dataset).yaml"
    case .foreignCurrency(let dataset, let currency, let reporting):
      "dataset \(dataset) holds amounts in \(currency), the reporting currency is \(reporting); "
        + "add the rates to exchange_rates, or set `currency: \(currency)` in the pipeline"
    case .conversion(let failure): failure.description
    case .noRevenue(let date):
      "no payment happened and was recorded by the end of \(date), so there is nothing to "
        + "forecast from; give a later --date or check the source"
    case .amountOutOfRange(let period):
      "the revenue forecast for \(period) is beyond 922 trillion; check the amounts in the source"
    }
  }
}
