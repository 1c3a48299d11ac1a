import AlmanacCore
import Files
import Foundation
import TestSupport
import Testing

/// The figures of fitted models as a user reads them: their digits, their tests, and whether they
/// are the same on other processors.
@Suite("Figures of fitted models")
struct FittedFigureTests {
  /// Runs the program in a folder; no environment is needed.
  private func almanac(
    _ words: [String], in folder: URL, environment: [String: String] = [:]
  ) throws -> ProcessOutcome {
    try runProcess(try builtProgram(), words, environment: environment, in: folder)
  }

  private func write(_ text: String, _ name: String, in folder: URL) throws {
    try FileSystem.writeAtomically(Array(text.utf8), to: folder.appending(path: name).path)
  }

  /// A file of a fitted model, and the model in it.
  private func document(
    _ name: String, in folder: URL
  ) throws -> (file: [String: Any], model: [String: Any]) {
    let bytes = try FileSystem.read(folder.appending(path: name).path)
    let file = try #require(
      try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    return (file, try #require(file["model"] as? [String: Any]))
  }

  /// The intercept, the coefficients and their standard errors.
  private func figures(_ name: String, in folder: URL) throws -> [Double] {
    let model = try document(name, in: folder).model
    let coefficients = try #require(model["coefficients"] as? [[Double]])
    return [try #require(model["intercept"] as? Double)] + coefficients.joined()
      + (try #require(model["standardErrors"] as? [Double]))
  }

  /// A table of two numbers, a category, a count and an outcome.
  private func csv(rows: Int, seed: UInt64) -> String {
    var random = SplitMix64(seed: seed)
    var text = "size,year,kind,count,yes\n"
    for _ in 0..<rows {
      let size = random.nextUnit() * 3
      let year = 2000 + Int(random.next() % 20)
      let kind = Int(random.next() % 3)
      let predictor = size - 1.5 + Double(kind) / 2 + Double(year - 2010) / 20
      let count = (exp(predictor / 2) * 2 * random.nextUnit()).rounded()
      let yes = random.nextUnit() < 1 / (1 + exp(-predictor))
      text += "\(size),\(year),k\(kind),\(Int(count)),\(yes ? 1 : 0)\n"
    }
    return text
  }

  private let yaml = """
    family: FAMILY
    penalty: 0
    ignore: [IGNORED]
    terms:
      - {column: size, kind: polynomial, degree: 3}
      - {column: year, kind: numeric}
      - {column: kind, kind: categorical}

    """

  private func declare(_ family: String, _ target: String, in folder: URL) throws {
    try write(
      "target: \(target)\n"
        + yaml.replacing("FAMILY", with: family)
        .replacing("IGNORED", with: target == "yes" ? "count" : "yes"),
      "\(target).yaml", in: folder)
  }

  #if arch(x86_64)
    /// Kernels of OpenBLAS that this processor can run, the oldest first.
    private static var kernels: [String] {
      let flags =
        (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?
        .split(separator: "\n").first { $0.hasPrefix("flags") }?.split(separator: " ") ?? []
      return [
        ("Prescott", ["pni"]), ("Nehalem", ["sse4_2"]), ("Sandybridge", ["avx"]),
        ("Haswell", ["avx2", "fma"]), ("SkylakeX", ["avx512f", "avx512bw", "avx512vl"]),
      ].compactMap { name, needed in
        needed.allSatisfy { flags.contains(Substring($0)) } ? name : nil
      }
    }

    @Test(
      "coefficients and errors are equal to ten digits on every kernel of the processor, and the file names it",
      arguments: ["default", "yes", "count", "size"])
    func kernels(kind: String) throws {
      try withTemporaryDirectory { folder in
        try write(csv(rows: 900, seed: 21), "t.csv", in: folder)
        try declare("logistic", "yes", in: folder)
        try declare("poisson", "count", in: folder)
        try write(
          "target: size\nterms: [{column: year, kind: spline}, {column: kind, kind: categorical}]\n",
          "size.yaml", in: folder)
        let model = kind == "default" ? ["--target", "yes"] : ["--model", "\(kind).yaml"]
        var found: [(kernel: String, figures: [Double])] = []
        for kernel in FittedFigureTests.kernels {
          let fit = try almanac(
            ["fit", "--data", "t.csv", "--out", "m.json"] + model, in: folder,
            environment: ["OPENBLAS_CORETYPE": kernel])
          try #require(fit.status == 0, "\(kernel): \(fit.stderr)")
          let name = try #require(try document("m.json", in: folder).file["kernel"] as? String)
          found.append((name, try figures("m.json", in: folder)))
        }
        #expect(Set(found.map(\.kernel)).count >= 2, "\(found.map(\.kernel))")
        let first = try #require(found.first)
        for other in found.dropFirst() {
          try #require(other.figures.count == first.figures.count, "\(other.kernel)")
          for (left, right) in zip(first.figures, other.figures) {
            #expect(
              isClose(left, right, relative: 1e-10),
              "\(first.kernel) \(left), \(other.kernel) \(right)")
          }
        }
      }
    }
  #endif

  @Test(
    "the file is the same to the byte for one, two and four threads",
    arguments: ["default", "yes", "count"])
  func threads(kind: String) throws {
    try withTemporaryDirectory { folder in
      try write(csv(rows: 3000, seed: 5), "t.csv", in: folder)
      try declare("logistic", "yes", in: folder)
      try declare("poisson", "count", in: folder)
      let model = kind == "default" ? ["--target", "yes"] : ["--model", "\(kind).yaml"]
      let files = try [1, 2, 4].map { jobs in
        let fit = try almanac(
          ["fit", "--data", "t.csv", "--out", "m.json", "--jobs", "\(jobs)"] + model, in: folder)
        try #require(fit.status == 0, "\(fit.stderr)")
        return try FileSystem.read(folder.appending(path: "m.json").path)
      }
      #expect(files[1] == files[0] && files[2] == files[0])
    }
  }

  @Test("show prints likelihood-ratio tests of terms, or why there are none")
  func likelihoodRatios() throws {
    try withTemporaryDirectory { folder in
      try write(csv(rows: 600, seed: 9), "t.csv", in: folder)
      try declare("logistic", "yes", in: folder)
      func show(_ model: [String]) throws -> [Substring] {
        let fit = try almanac(
          ["fit", "--data", "t.csv", "--out", "m.json"] + model, in: folder)
        try #require(fit.status == 0, "\(fit.stderr)")
        return try almanac(["show", "m.json"], in: folder).stdout.split(separator: "\n")
      }
      let lines = try show(["--model", "yes.yaml"])
      let table = lines.drop { !$0.hasPrefix("without") }.prefix(5)
        .map { $0.split(separator: " ").map(String.init) }
      #expect(table.first == ["without", "LR", "χ²", "df", "p"])
      #expect(table.dropFirst().map { $0[0] } == ["size", "year", "kind", "(all"])
      #expect(table.dropFirst().map { $0[$0.count - 2] } == ["3", "1", "2", "6"])
      // A file of a version that kept no tests is read all the same.
      var (file, model) = try document("m.json", in: folder)
      var tests = try #require(
        model.removeValue(forKey: "likelihoodRatios") as? [String: Any])
      #expect(tests["missing"] == nil)
      file["model"] = model
      try JSONSerialization.data(withJSONObject: file)
        .write(to: folder.appending(path: "old.json"))
      let old = try almanac(["show", "old.json"], in: folder)
      #expect(old.status == 0 && old.stdout.contains("of a version that kept none"))
      // Why a term has none is told.
      let kept = try #require(tests["terms"] as? [Any])
      tests["terms"] = [NSNull(), kept[1], NSNull()]
      tests["missing"] = ["notConverged", NSNull(), "redundant"]
      model["likelihoodRatios"] = tests
      file["model"] = model
      try JSONSerialization.data(withJSONObject: file)
        .write(to: folder.appending(path: "few.json"))
      let few = try almanac(["show", "few.json"], in: folder)
      #expect(
        few.stdout.contains(
          "\n\nno likelihood-ratio test of size: no convergence without it\n"
            + "no likelihood-ratio test of kind: the other terms say the same\n"), "\(few.stderr)")
      let penalised = try show(["--target", "yes"]).joined(separator: "\n")
      #expect(penalised.contains("no likelihood-ratio tests: the coefficients are penalised"))
    }
  }

  private static let filip = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "shared/data/nist-strd/Filip.dat")

  @Test(
    "Filip's polynomial has twelve digits in the units of the file, from the shell",
    .enabled(
      if: FileManager.default.fileExists(atPath: filip.path),
      "NIST's Filip.dat is not beside the repository"))
  func filipDigits() throws {
    let lines = try String(contentsOf: FittedFigureTests.filip, encoding: .utf8)
      .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .map { $0.split(separator: " ") }
    let certified = lines.filter { $0.count == 3 && $0[0].hasPrefix("B") }
      .map { $0[1...2].compactMap { Double($0) } }
    try #require(certified.count == 11)
    let rows = lines.dropFirst(60).filter { $0.count == 2 }
    try #require(rows.count == 82)
    try withTemporaryDirectory { folder in
      try write(
        "y,x\n" + rows.map { $0.joined(separator: ",") }.joined(separator: "\n") + "\n", "f.csv",
        in: folder)
      try write(
        "target: y\npenalty: 0\nterms: [{column: x, kind: polynomial, degree: 10}]\n", "f.yaml",
        in: folder)
      let fit = try almanac(
        ["fit", "--data", "f.csv", "--model", "f.yaml", "--out", "f.json"], in: folder)
      try #require(fit.status == 0, "\(fit.stderr)")
      let show = try almanac(["show", "f.json", "--exact"], in: folder)
      let shown = show.stdout.split(separator: "\n").drop { !$0.hasPrefix("(intercept)") }
        .prefix(11).map { $0.split(separator: " ").dropFirst().prefix(2).compactMap { Double($0) } }
      try #require(shown.count == 11, "\(show.stdout)")
      for (values, expected) in zip(shown, certified) {
        for (value, truth) in zip(values, expected) {
          #expect(isClose(value, truth, relative: 1e-12), "\(value) and \(truth)")
        }
      }
      #expect(show.stdout.contains("on 71 degrees of freedom"))
      #expect(show.stdout.contains("R² 0.99672741618562"))
      #expect(show.stdout.contains("on 10 and 71, p <0.0001"))
      for (left, right) in zip(
        try figures("f.json", in: folder), shown.map { $0[0] } + shown.map { $0[1] })
      {
        #expect(isClose(left, right, relative: 1e-15))
      }
    }
  }
}
