import AlmanacCore
import Columns
import Files
import Foundation
import Parquet
import Postgres
import TestSupport
import Testing

/// `almanac fit`, `predict`, `evaluate` and `show`, on files and queries.
@Suite("Models of any table")
struct ModellingTests {
  /// Customers that leave the likelier the younger they are, and which leaves depends on the plan.
  private struct Customers {
    var ages: [Double?] = []
    var plans: [String] = []
    var spent: [Double] = []
    var left: [Bool] = []

    init(count: Int, seed: UInt64) {
      var random = SplitMix64(seed: seed)
      for row in 0..<count {
        let age = (random.nextUnit() * 600).rounded() / 10
        let plan = Int(random.next() % 3)
        let chance = 1 / (1 + exp(age / 15 - 1.5 - [0, 1.2, -0.8][plan]))
        ages.append(row % 19 == 0 ? nil : age)
        plans.append(["basic", "plus, \"new\"", "pro"][plan])
        spent.append((10 + age / 2 + 4 * random.nextUnit()).rounded())
        left.append(random.nextUnit() < chance)
      }
    }

    var csv: String {
      "age,plan,spent,left\n"
        + left.indices.map { row in
          let plan = plans[row].contains(",") ? #""plus, ""new""""# : plans[row]
          return "\(ages[row].map { "\($0)" } ?? ""),\(plan),\(spent[row]),"
            + (left[row] ? "yes" : "no")
        }.joined(separator: "\n") + "\n"
    }

    var parquet: [UInt8] {
      var columns = [
        ColumnBuilder(Field("age", .float64, isNullable: true)),
        ColumnBuilder(Field("plan", .text)), ColumnBuilder(Field("spent", .float64)),
        ColumnBuilder(Field("left", .text)),
      ]
      for row in left.indices {
        if let age = ages[row] { columns[0].append(age) } else { columns[0].appendNull() }
        columns[1].append(plans[row])
        columns[2].append(spent[row])
        columns[3].append(left[row] ? "yes" : "no")
      }
      return ParquetFile.encode(Batch(columns.map { $0.finish() }))
    }

    var sql: String {
      "CREATE TABLE public.customers (age float8, plan text, spent float8, \"left\" text);\n"
        + "INSERT INTO public.customers VALUES "
        + left.indices.map { row in
          "(\(ages[row].map { "\($0)" } ?? "NULL"), '\(plans[row])', \(spent[row]), "
            + "'\(left[row] ? "yes" : "no")')"
        }.joined(separator: ", ")
    }
  }

  /// A model file without the digest of the file it was fitted on.
  private func withoutDigest(_ name: String, in folder: URL) throws -> String {
    let bytes = try FileSystem.read(folder.appending(path: name).path(percentEncoded: false))
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
      .filter { !$0.contains("\"dataDigest\"") }.joined(separator: "\n")
  }

  @Test("one table gives one model from CSV, Parquet and a query", .database)
  func sources() throws {
    let connection = try TestDatabase.current.connect()
    let customers = Customers(count: 700, seed: 11)
    try connection.runScript(customers.sql)
    try withTemporaryDirectory { folder in
      try writeText(customers.csv, "customers.csv", in: folder)
      try FileSystem.writeAtomically(
        customers.parquet, to: folder.appending(path: "customers.parquet").path)
      let query = [
        "--data", "postgres:SELECT * FROM customers;", "--source", TestDatabase.current.url,
      ]
      for (name, data) in [
        ("csv", ["--data", "customers.csv"]), ("parquet", ["--data", "customers.parquet"]),
        ("query", query),
      ] {
        let fit = try almanacAlone(
          ["fit", "--target", "left", "--out", "\(name).json"] + data, in: folder)
        try #require(fit.status == 0, "\(name): \(fit.stderr)")
        #expect(fit.stdout.contains("logistic regression of left = yes, 700 rows"))
        let evaluation = try almanacAlone(
          ["evaluate", "--model", "\(name).json"] + data, in: folder)
        #expect(evaluation.status == 0, "\(evaluation.stderr)")
        #expect(evaluation.stdout.contains("ROC AUC"))
        let json = try almanacAlone(
          ["evaluate", "--model", "\(name).json", "--format", "json"] + data, in: folder)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let scores = try decoder.decode(Scores.self, from: Data(json.stdout.utf8))
        #expect(scores.rows == 700 && scores.lift.count == 3 && scores.drift.count == 4)
        #expect(
          evaluation.stdout.contains("ROC AUC \(String(format: "%.4f", scores.rocAuc)) "))
        #expect(
          evaluation.stdout.contains("log-loss \(String(format: "%.4f", scores.logLoss)),"))
        let predict = try almanacAlone(
          ["predict", "--model", "\(name).json", "--out", "\(name).out"] + data, in: folder)
        #expect(predict.status == 0, "\(predict.stderr)")
      }
      // The order of the query's rows is that of the table, never changed since it was filled.
      let model = try withoutDigest("csv.json", in: folder)
      #expect(try withoutDigest("parquet.json", in: folder) == model)
      #expect(try withoutDigest("query.json", in: folder) == model)
      try expectPredictions(of: customers, in: folder)
      try expectDrift(customers, in: folder)
      let show = try almanacAlone(["show", "csv.json"], in: folder)
      #expect(show.status == 0 && show.stdout.contains("(intercept)"))
      #expect(show.stdout.contains("plan=pro") && show.stdout.contains("++"))
      let wrong = try almanacAlone(
        ["fit", "--target", "lefd", "--out", "x.json"] + query, in: folder)
      #expect(wrong.status == 65 && wrong.stderr.contains("did you mean \"left\""))
      let broken = try almanacAlone(
        [
          "fit", "--target", "left", "--out", "x.json", "--data", "postgres:SELEC 1", "--source",
          TestDatabase.current.url,
        ], in: folder)
      #expect(broken.status != 0 && broken.stderr.contains("syntax error"), "\(broken.stderr)")
    }
  }

  /// One row per row, in order, whose probabilities follow the plans as they were drawn.
  private func expectPredictions(of customers: Customers, in folder: URL) throws {
    let text = String(
      decoding: try FileSystem.read(folder.appending(path: "csv.out").path), as: UTF8.self)
    #expect(
      text
        == String(
          decoding: try FileSystem.read(folder.appending(path: "query.out").path), as: UTF8.self))
    let lines = text.split(separator: "\n")
    #expect(lines.first == "row,probability,lower,upper,reasons" && lines.count == 701)
    var sums: [String: (sum: Double, count: Double)] = [:]
    for (row, line) in lines.dropFirst().enumerated() {
      let cells = line.split(separator: ",", omittingEmptySubsequences: false)
      #expect(cells[0] == "\(row + 1)")
      let probability = try #require(Double(cells[1]))
      #expect(probability > 0 && probability < 1)
      let old = sums[customers.plans[row]] ?? (0, 0)
      sums[customers.plans[row]] = (old.sum + probability, old.count + 1)
    }
    let means = sums.mapValues { $0.sum / $0.count }
    #expect(means["pro"] ?? 1 < means["basic"] ?? 0)
  }

  /// What `evaluate --format json` prints of probabilities.
  private struct Scores: Decodable {
    struct Lift: Decodable {
      var lift: Double
    }
    struct Drift: Decodable {
      var column: String?
      var psi: Double
    }
    var rows: Int
    var logLoss: Double
    var rocAuc: Double
    var lift: [Lift]
    var drift: [Drift]
  }

  /// The rows of the fit have not moved; older customers of other plans have.
  private func expectDrift(_ customers: Customers, in folder: URL) throws {
    func stability(_ data: String) throws -> [String: Double] {
      let result = try almanacAlone(
        ["evaluate", "--model", "csv.json", "--data", data], in: folder)
      try #require(result.status == 0, "\(result.stderr)")
      let lines = result.stdout.split(separator: "\n").drop { !$0.contains("PSI") }.dropFirst()
      return Dictionary(
        lines.compactMap { line in
          let cells = line.split(separator: " ")
          return cells.count == 3 ? Double(cells[1]).map { (String(cells[0]), $0) } : nil
        }, uniquingKeysWith: { first, _ in first })
    }
    let same = try stability("customers.csv")
    #expect(same == ["(score)": 0, "age": 0, "plan": 0, "spent": 0])
    var moved = customers
    moved.ages = moved.ages.map { $0.map { $0 + 25 } }
    moved.plans = moved.plans.map { $0 == "basic" ? "pro" : $0 }
    try writeText(moved.csv, "moved.csv", in: folder)
    let later = try stability("moved.csv")
    #expect(later["spent"] == 0)
    for name in ["(score)", "age", "plan"] { #expect(later[name] ?? 0 > 0.25, "\(name)") }
    // A file of a version that kept no distribution is read all the same.
    let path = folder.appending(path: "csv.json").path
    let document = try JSONSerialization.jsonObject(with: Data(try FileSystem.read(path)))
    var file = try #require(document as? [String: Any])
    var model = try #require(file["model"] as? [String: Any])
    #expect(model.removeValue(forKey: "drift") != nil)
    file["model"] = model
    try JSONSerialization.data(withJSONObject: file)
      .write(to: folder.appending(path: "old.json"))
    let old = try almanacAlone(
      ["evaluate", "--model", "old.json", "--data", "customers.csv"], in: folder)
    #expect(old.status == 0 && old.stdout.contains("no drift"), "\(old.stderr)")
  }

  @Test("a model in YAML predicts numbers with intervals")
  func declared() throws {
    try withTemporaryDirectory { folder in
      try writeText(Customers(count: 400, seed: 3).csv, "customers.csv", in: folder)
      try writeText(
        """
        target: spent
        terms:
          - {column: age, kind: spline, knots: 4}
          - {column: plan, kind: categorical}

        """, "spent.yaml", in: folder)
      let data = ["--data", "customers.csv"]
      let fit = try almanacAlone(
        ["fit", "--model", "spent.yaml", "--out", "spent.json"] + data, in: folder)
      try #require(fit.status == 0, "\(fit.stderr)")
      let result = try almanacAlone(["evaluate", "--model", "spent.json"] + data, in: folder)
      #expect(result.stdout.contains("RMSE") && result.stdout.contains("Winkler"))
      try #require(
        try almanacAlone(
          ["predict", "--model", "spent.json", "--level", "80", "--out", "out.csv"] + data,
          in: folder
        ).status == 0)
      let text = String(
        decoding: try FileSystem.read(folder.appending(path: "out.csv").path), as: UTF8.self)
      let rows = text.split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
      #expect(rows.count == 400)
      for row in rows {
        let ends = row[1...3].compactMap { Double($0) }
        #expect(ends.count == 3 && ends[1] < ends[0] && ends[0] < ends[2])
      }
    }
  }

  @Test("--time judges by later rows, and says so in the file")
  func later() throws {
    try withTemporaryDirectory { folder in
      let customers = Customers(count: 900, seed: 5)
      let lines = customers.csv.split(separator: "\n")
      let dated = lines.enumerated().map { row, line in
        let parts = [row / 84 % 12 + 1, row / 3 % 28 + 1].map { $0 < 10 ? "0\($0)" : "\($0)" }
        let date = "2024-\(parts[0])-\(parts[1])"
        return row == 0 ? "\(line),since" : "\(line),\(date)"
      }
      try writeText(dated.joined(separator: "\n") + "\n", "customers.csv", in: folder)
      let data = ["fit", "--data", "customers.csv", "--out", "m.json"]
      let fit = try almanacAlone(data + ["--target", "left", "--time", "since"], in: folder)
      try #require(fit.status == 0, "\(fit.stderr)")
      #expect(fit.stdout.contains("on rows later than those of the fit, by since"))
      let bytes = try FileSystem.read(folder.appending(path: "m.json").path)
      let document = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
      let file = try #require(document)
      #expect((file["library"] as? String)?.hasPrefix("OpenBLAS") == true)
      let window = (file["model"] as? [String: Any])?["window"] as? [String: Any]
      // 2024-01-01 is day 19,723 since 1970.
      #expect(window?["column"] as? String == "since" && window?["first"] as? Double == 19723)
      let wrong = try almanacAlone(data + ["--target", "left", "--time", "sinse"], in: folder)
      #expect(wrong.status == 65 && wrong.stderr.contains("did you mean \"since\""))
      let both = try almanacAlone(data + ["--model", "m.yaml", "--time", "since"], in: folder)
      #expect(both.status == 64 && both.stderr.contains("--time goes with --target"))
    }
  }
}
