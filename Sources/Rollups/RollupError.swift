package import AlmanacCore

/// Why a rollup cannot be computed.
package enum RollupError: ExitStatusConvertible, Equatable {
  /// The events lack a column.
  case missingColumn(dataset: String, column: String)
  /// A column is not of the type the rollup needs.
  case wrongType(dataset: String, column: String, expected: String)
  /// A row of the interval has no value where one is needed; rows count from 1 in reading order.
  case missingValue(dataset: String, column: String, row: Int)
  /// An amount is in another currency than the reporting one; there are no rates to convert it by.
  case missingRate(currency: CurrencyCode, date: CalendarDate)
  /// There are rates, but none for the currency of an amount on its day.
  case noRate(currency: CurrencyCode, reporting: CurrencyCode, date: CalendarDate)
  /// A sum is too large for its column.
  case overflow(column: String)

  /// One line that says what is wrong and what to do.
  package var description: String {
    switch self {
    case .missingColumn(let dataset, let column):
      "\(dataset): there is no column \(column); name it in the dataset's file or remove it there"
    case .wrongType(let dataset, let column, let expected):
      "\(dataset): column \(column) must be \(expected); change its type in the dataset's file"
    case .missingValue(let dataset, let column, let row):
      "\(dataset): row \(row) of the interval's partitions has no \(column);"
        + " correct it in the source and extract again"
    case .missingRate(let currency, let date):
      "an amount of \(date) is in \(currency), which is not the reporting currency, and there are"
        + " no exchange rates: fill the dataset exchange_rates, or set `currency: \(currency)` in"
        + " the pipeline"
    case .noRate(let currency, let reporting, let date):
      "there is no exchange rate from \(currency) to \(reporting) for \(date) or the 7 days before"
        + " it; add one to exchange_rates"
    case .overflow(let column):
      "the sum of \(column) is too large to store; look for corrupt values in the source"
    }
  }

  /// 66 for a missing column, 65 for bad values.
  package var exitStatus: ExitStatus {
    switch self {
    case .missingColumn: .missingInput
    case .wrongType, .missingValue, .missingRate, .noRate, .overflow: .badData
    }
  }
}
