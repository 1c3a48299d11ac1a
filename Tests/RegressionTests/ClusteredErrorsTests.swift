import AlmanacCore
import Glibc
import Testing

@testable import Regression

@Suite("Errors of rows that are alike within groups")
struct ClusteredErrorsTests {
  private func table(copies: Int = 1) -> (table: Table, target: [Double], groups: [Int]) {
    var random = SplitMix64(seed: 12)
    var (x, z, y, groups): ([Double], [Double], [Double], [Int]) = ([], [], [], [])
    for row in 0..<300 {
      let (one, other) = (random.nextUnit() * 2 - 1, random.nextUnit())
      let yes = random.nextUnit() < 1 / (1 + exp(-(one - 0.5 * other))) ? 1.0 : 0
      for _ in 0..<copies {
        x.append(one)
        z.append(other)
        y.append(yes)
        groups.append(row / 4)
      }
    }
    var table = Table(rowCount: x.count)
    table.add("x", .numbers(x))
    table.add("z", .numbers(z))
    table.add("y", .numbers(y))
    return (table, y, groups)
  }

  private func fit(_ table: Table) throws -> FittedModel {
    try ModelSpecification(
      target: "y", family: .logistic, positive: "1",
      terms: ["x", "z"].map { TermSpecification(column: $0, kind: .numeric, winsorises: false) },
      penalty: .fixed(0), interactions: false, calibrates: false
    ).fit(table)
  }

  @Test("are those of the formula, written out")
  func formula() throws {
    let (table, target, groups) = table()
    let plain = try fit(table)
    let found = try plain.clusteringErrors(table, target: target, groups: groups)
    // Standardised columns, by the terms themselves.
    let columns =
      try [[Double](repeating: 1, count: 300)] + plain.terms.flatMap { try $0.columns(of: table) }
    let beta = [plain.intercept] + plain.coefficients.joined()
    var means: [Double] = []
    for row in 0..<300 {
      var logit = 0.0
      for column in 0..<3 { logit += beta[column] * columns[column][row] }
      means.append(1 / (1 + exp(-logit)))
    }
    var scores = [[Double]](repeating: [0, 0, 0], count: 75)
    var information = [[Double]](repeating: [0, 0, 0], count: 3)
    for row in 0..<300 {
      for one in 0..<3 {
        scores[groups[row]][one] += columns[one][row] * (target[row] - means[row])
        for other in 0..<3 {
          information[one][other] +=
            columns[one][row] * columns[other][row] * means[row] * (1 - means[row])
        }
      }
    }
    // The inverse of 3 × 3 by cofactors.
    let m = information
    func minor(_ r: Int, _ c: Int) -> Double {
      let rows = [0, 1, 2].filter { $0 != r }
      let columns = [0, 1, 2].filter { $0 != c }
      let main: Double = m[rows[0]][columns[0]] * m[rows[1]][columns[1]]
      let other: Double = m[rows[0]][columns[1]] * m[rows[1]][columns[0]]
      return main - other
    }
    var determinant = 0.0
    for (column, sign) in [1.0, -1, 1].enumerated() {
      determinant += sign * m[0][column] * minor(0, column)
    }
    for index in 0..<3 {
      var inverse: [Double] = []
      for column in 0..<3 {
        let sign: Double = (index + column) % 2 == 0 ? 1 : -1
        inverse.append(sign * minor(column, index) / determinant)
      }
      var variance = 0.0
      for score in scores {
        let part: Double =
          inverse[0] * score[0] + inverse[1] * score[1] + inverse[2] * score[2]
        variance += part * part
      }
      let expected = (variance * 75 / 74).squareRoot()
      #expect(abs(found.standardErrors[index] - expected) < 1e-6 * expected)
    }
    #expect(found.coefficients == plain.coefficients)
    #expect(found.standardErrors != plain.standardErrors)
  }

  @Test("stay as they are where every row of a group is there twice")
  func repeated() throws {
    let (once, target, groups) = table()
    let (twice, targets, alike) = table(copies: 2)
    let one = try fit(once).clusteringErrors(once, target: target, groups: groups)
    let two = try fit(twice).clusteringErrors(twice, target: targets, groups: alike)
    for (left, right) in zip(one.standardErrors, two.standardErrors) {
      #expect(abs(left - right) < 1e-6 * left)
    }
    // Errors that take rows for independent shrink.
    let plain = zip(try fit(once).standardErrors, try fit(twice).standardErrors)
    #expect(plain.allSatisfy { $1 < 0.75 * $0 })
  }

  @Test("of one group are those of the fit")
  func oneGroup() throws {
    let (table, target, _) = table()
    let plain = try fit(table)
    let same = try plain.clusteringErrors(
      table, target: target, groups: [Int](repeating: 0, count: 300))
    #expect(same == plain)
  }
}
