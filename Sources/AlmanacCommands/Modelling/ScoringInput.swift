import AlmanacCore
import Files
import Regression

/// What the commands that take a fitted model and a table have in common.
struct ScoringInput {
  let modelPath: String
  let data: TableSource
  let source: String?
  let environment: [String: String]

  init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    guard let path = try scanner.value("--model") else {
      throw UsageError("--model is missing; give a file that `almanac fit` wrote")
    }
    modelPath = path
    data = try TableSource.option("--data", &scanner)
    source = try scanner.value("--source")
    self.environment = environment
  }

  func read() throws -> (model: FittedModel, table: Table) {
    let file = try ModelFile.read(modelPath)
    let loaded = try data.read {
      try ConnectionOptions(environment: environment).settings(
        option: "--source", value: source, variable: "ALMANAC_SOURCE")
    }
    // A large file is read by columns, of which only those that are needed are held.
    let needed = Set(file.model.sources + [file.model.specification.target])
    return try loaded.use { whole in
      var table = Table(rowCount: whole.rowCount)
      for name in whole.names where needed.contains(name) {
        if let column = whole[name] { table.add(name, column) }
      }
      return (file.model, table)
    }
  }
}
