import AlmanacCore
import LinearAlgebra

extension SplitMix64 {
  /// A number between -1 and 1.
  mutating func signed() -> Double { 2 * nextUnit() - 1 }

  /// Numbers between -1 and 1.
  mutating func vector(_ count: Int) -> [Double] { (0..<count).map { _ in signed() } }

  /// A matrix of numbers between -1 and 1.
  mutating func matrix(_ rowCount: Int, _ columnCount: Int) throws -> Matrix {
    try Matrix(
      rowCount: rowCount, columnCount: columnCount, columnMajor: vector(rowCount * columnCount))
  }
}
