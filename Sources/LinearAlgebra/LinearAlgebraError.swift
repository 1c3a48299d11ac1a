/// Why a computation of this module has no result.
package enum LinearAlgebraError: Error, Equatable, Sendable {
  /// Two operands do not fit together: the length that was needed and the one that was given.
  case shapeMismatch(expected: Int, actual: Int)
  /// A dimension is negative, or beyond what the 32-bit indices of LAPACK can address.
  case unsupportedShape(rowCount: Int, columnCount: Int)
  /// An operand holds a NaN or an infinity.
  case notFinite
  /// The leading minor of this order is not positive: the columns are collinear.
  case notPositiveDefinite(order: Int)
  /// The triangular factor has an exact zero on its diagonal at this 1-based position.
  case singular(position: Int)
  /// The iteration of a decomposition did not converge.
  case notConverged(routine: LAPACKRoutine)
  /// LAPACK could not allocate its work space.
  case outOfMemory(routine: LAPACKRoutine)
  /// LAPACK refused the argument at this 1-based position, which is a fault of this module.
  case invalidArgument(routine: LAPACKRoutine, position: Int)

  /// The error that a return value of a LAPACK routine stands for, or `nil` for success.
  ///
  /// This is the only place that reads `info`. Zero is success; −1010 and −1011 are how LAPACKE
  /// says that it found no memory; any other negative value names an argument, and since shapes
  /// and finiteness are checked before each call it means a fault here; the meaning of a positive
  /// value depends on the routine.
  package init?(info: Int32, from routine: LAPACKRoutine) {
    switch info {
    case 0: return nil
    case -1010, -1011: self = .outOfMemory(routine: routine)
    case ..<0: self = .invalidArgument(routine: routine, position: -Int(info))
    default:
      switch routine {
      case .dpotrf, .dpotri: self = .notPositiveDefinite(order: Int(info))
      case .dsyevd, .dgesdd: self = .notConverged(routine: routine)
      case .dpotrs, .dgeqrf, .dormqr: self = .singular(position: Int(info))
      }
    }
  }
}

extension LinearAlgebraError: CustomStringConvertible {
  /// One line without data values.
  package var description: String {
    switch self {
    case .shapeMismatch(let expected, let actual):
      "operands do not fit: \(expected) values needed, \(actual) given"
    case .unsupportedShape(let rowCount, let columnCount):
      "a matrix of \(rowCount) rows and \(columnCount) columns is not supported"
    case .notFinite:
      "a matrix or vector holds a value that is not a finite number"
    case .notPositiveDefinite(let order):
      "the columns are collinear: the leading minor of order \(order) is not positive; "
        + "raise the penalty or drop a column"
    case .singular(let position):
      "the triangular factor is singular at position \(position); drop a collinear column"
    case .notConverged(let routine):
      "LAPACK \(routine.rawValue) did not converge"
    case .outOfMemory(let routine):
      "out of memory in LAPACK \(routine.rawValue)"
    case .invalidArgument(let routine, let position):
      "LAPACK \(routine.rawValue) refused argument \(position)"
    }
  }
}

/// The LAPACK routines this module calls, by their Fortran names.
package enum LAPACKRoutine: String, Sendable {
  /// Cholesky factorisation.
  case dpotrf
  /// Solution from a Cholesky factor.
  case dpotrs
  /// Inverse from a Cholesky factor.
  case dpotri
  /// QR factorisation in the given order of columns.
  case dgeqrf
  /// Product with the orthogonal factor of a QR factorisation.
  case dormqr
  /// Eigenvalues and eigenvectors of a symmetric matrix.
  case dsyevd
  /// Singular value decomposition.
  case dgesdd
}
