package import AlmanacCore
package import Regression

/// Why a series has no forecast.
package enum ForecastingError: Error, Equatable, Sendable {
  /// The series holds fewer known values than a forecast with an interval needs.
  case tooFewValues(known: Int, needed: Int)
  /// A value is infinite or larger than 1e100 in size, at this position counted from zero.
  case valueOutOfRange(position: Int)
  /// The series or its horizon leaves the years 1 to 9999.
  case outsideCalendar
  /// A setting has a value that makes no sense.
  case invalidSetting(name: String, allowed: String)
  /// The fit failed.
  case regression(RegressionError)
}

extension ForecastingError: ExitStatusConvertible {
  /// One line that says what is wrong and what to do, without data values.
  package var description: String {
    switch self {
    case .tooFewValues(let known, let needed):
      "the series has \(known) known values and a forecast needs \(needed); "
        + "wait for more data or widen the interval it is read from"
    case .valueOutOfRange(let position):
      "the value at position \(position) is infinite or beyond 1e100; correct the source"
    case .outsideCalendar:
      "the series or its horizon leaves the years 1 to 9999; correct the start or the horizon"
    case .invalidSetting(let name, let allowed):
      "the forecast setting '\(name)' must be \(allowed)"
    case .regression(let error):
      error.description
    }
  }

  /// Too little input is missing input, bad values are bad data, bad settings configuration.
  package var exitStatus: ExitStatus {
    switch self {
    case .tooFewValues: .missingInput
    case .valueOutOfRange, .outsideCalendar: .badData
    case .invalidSetting: .configuration
    case .regression(let error): error.exitStatus
    }
  }
}
