package import AlmanacCore
package import LinearAlgebra

/// Why a regression has no result.
package enum RegressionError: Error, Equatable, Sendable {
  /// Design and target, or design and weights, do not have the same number of rows.
  case shapeMismatch(designRows: Int, otherRows: Int)
  /// There is not one penalty factor per column of the design.
  case penaltyFactorCount(columns: Int, factors: Int)
  /// A penalty or a penalty factor is negative or not a finite number.
  case invalidPenalty
  /// A weight is negative or not a finite number, or all are zero.
  case invalidWeights
  /// A target is outside what its family allows.
  case invalidTarget(ResponseFamily)
  /// A table lacks a column of this name.
  case missingColumn(String)
  /// A column cannot be used as asked, and why.
  case unusableColumn(String, String)
  /// The rows cannot support a fit, and why.
  case unusableRows(String)
  /// The computation underneath failed.
  case linearAlgebra(LinearAlgebraError)
}

extension RegressionError: ExitStatusConvertible {
  /// One line that says what is wrong, without data values.
  package var description: String {
    switch self {
    case .shapeMismatch(let designRows, let otherRows):
      "the design has \(designRows) rows but the target or the weights \(otherRows)"
    case .penaltyFactorCount(let columns, let factors):
      "\(factors) penalty factors were given for \(columns) columns; give one per column"
    case .invalidPenalty:
      "a penalty is negative or not a finite number; give penalties of zero or more"
    case .invalidWeights:
      "weights must be finite, not negative and not all zero"
    case .invalidTarget(.logistic):
      "a logistic target must lie between 0 and 1"
    case .invalidTarget(.poisson):
      "a Poisson target must be zero or more and finite"
    case .missingColumn(let name):
      "the data has no column \"\(name)\""
    case .unusableColumn(let name, let reason):
      "column \"\(name)\" cannot be used: \(reason)"
    case .unusableRows(let reason):
      reason
    case .linearAlgebra(let error):
      error.description
    }
  }

  /// Whether other rows might have a result: it is neither a fault of the program or of what it was
  /// asked for, nor one of the machine.
  package var isOfRows: Bool {
    switch self {
    case .unusableColumn, .unusableRows: true
    case .linearAlgebra(let error):
      switch error {
      case .notFinite, .notPositiveDefinite, .singular, .notConverged: true
      case .shapeMismatch, .unsupportedShape, .outOfMemory, .invalidArgument: false
      }
    case .shapeMismatch, .penaltyFactorCount, .invalidPenalty, .invalidWeights, .invalidTarget,
      .missingColumn:
      false
    }
  }

  /// Bad settings are configuration, bad numbers bad data, and what remains a fault of the program.
  package var exitStatus: ExitStatus {
    switch self {
    case .shapeMismatch, .penaltyFactorCount: .internalError
    case .invalidPenalty: .configuration
    case .invalidWeights, .invalidTarget, .unusableColumn, .unusableRows: .badData
    case .missingColumn: .missingInput
    case .linearAlgebra(let error):
      switch error {
      case .notFinite, .notPositiveDefinite, .notConverged, .singular, .unsupportedShape: .badData
      case .shapeMismatch, .outOfMemory, .invalidArgument: .internalError
      }
    }
  }
}

/// Runs a computation of the layer below and wraps its error.
func wrappingLinearAlgebra<Result>(
  _ body: () throws(LinearAlgebraError) -> Result
) throws(RegressionError) -> Result {
  do {
    return try body()
  } catch {
    throw .linearAlgebra(error)
  }
}
