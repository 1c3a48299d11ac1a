import AlmanacCore
import Columns
import Documents
import Files
import Foundation
import TestSupport
import Testing

@testable import Pipelines

@Suite("What contracts remember of days")
struct ContractMemoTests {
  private typealias Row = StoreSample.Row

  /// Checks a manifest of the dataset `d`, whose foreign key leads to `other`.
  private struct Checked {
    let sample: StoreSample
    let project: Project
    let path: String

    init(_ path: String) throws {
      self.path = path
      let definition = try StoreSample.definition(
        mode: "append",
        more: """
          checks:
              - {unique: id}
              - {foreign_key: {id: other}}
              - {not_null: text, level: warn}
          """)
      sample = StoreSample(path, definition)
      let other = try DatasetDefinition(
        node: try Document.parse(
          Array("{dataset: other, from: app.other, key: id, mode: full}".utf8),
          file: "datasets/other.yaml"))
      project = Project(pipelines: [], models: [], datasets: [definition, other])
    }

    /// The results of all checks, in the order of the file.
    func results(
      _ parts: [Manifest.Part], others: [Manifest.Part], remembers: Bool
    ) throws -> [CheckResult] {
      var manifest = Manifest(directoryID: "x")
      manifest.datasets["d"] = sample.dataset(parts)
      manifest.datasets["other"] = sample.dataset(others)
      var reader = PartReader(path: path, manifest: manifest, makesIndexes: true)
      reader.minimumIndexedBytes = 0
      let memo = try ContractMemo(dataset: "d", in: path, isEmpty: !remembers)
      let instant = Timestamp(microseconds: 10 * Timestamp.microsecondsPerDay)
      let evaluation = try DatasetContract(
        definition: sample.definition, project: project, reader: reader, cut: instant,
        knowledgeEnd: instant, findings: nil, memory: .init(), memo: memo, jobs: 2
      ).evaluate()
      if remembers { try memo.write() }
      return evaluation.results.map { result in
        var result = result
        // Which of the bad rows are named depends on what was read first.
        result.examples = result.examples.isEmpty ? [] : ["some"]
        return result
      }
    }
  }

  /// Rows of another dataset with the given identifiers.
  private func others(_ ids: Set<UInt64>, _ sample: StoreSample) throws -> [Manifest.Part] {
    var id = ColumnBuilder(Field("id", .uuid))
    for value in ids.sorted() {
      id.append(UUIDValue(high: value &* 0x9E37_79B9_7F4A_7C15, low: value))
    }
    return [
      try sample.writer.write(
        dataset: "other", date: nil, batch: Batch([id.finish()]), key: ["id"])
    ]
  }

  @Test("gives the results of looking at everything, night after night", arguments: UInt64(0)..<10)
  func nights(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    try withTemporaryDirectory { folder in
      let checked = try Checked(folder.path(percentEncoded: false))
      let sample = checked.sample
      var held: Manifest.Dataset?
      var rows: [Row] = []
      var known = Set<UInt64>(0..<25)
      for night in 0..<8 {
        let keys = seed % 2 == 0 ? 30 : 5_000
        let new = StoreSample.rows(12, keys: keys, days: 4, using: &random)
        rows += new
        switch Int.random(in: 0..<4, using: &random) {
        case 0: known.formUnion(new.map(\.id))
        case 1: known.remove(.random(in: 0..<25, using: &random))
        case 2: known.insert(.random(in: 5_000...9_000, using: &random))
        default: break
        }
        let whole = night == 5
        let read = DatasetMerge.Read(
          whole: whole ? try sample.parts(rows) : [],
          increment: whole ? nil : try sample.parts(new), base: held ?? sample.dataset([]))
        let merged = try sample.merge().merging(read, over: held ?? sample.dataset([]))
        held = sample.dataset(merged.parts)
        let others = try others(known, sample)
        let found = try checked.results(merged.parts, others: others, remembers: true)
        let expected = try checked.results(merged.parts, others: others, remembers: false)
        #expect(found == expected, "seed \(seed), night \(night)")
        // A key counts on one day, so what repeats is of one day, and the first of these does not.
        let visible = try sample.visible(merged.parts)
        #expect(found[0].badRows == visible.count - Set(visible.map(\.id)).count)
        #expect(found[1].badRows == visible.count { !known.contains($0.id) })
        #expect(found[2].badRows == visible.count { $0.text == nil })
      }
    }
  }

  @Test("is forgotten where its file is damaged, or the settings are others")
  func damaged() throws {
    try withTemporaryDirectory { folder in
      let path = folder.path(percentEncoded: false)
      try FileSystem.createDirectories(path + "/d")
      let memo = try ContractMemo(dataset: "d", in: path, isEmpty: false)
      var finding = memo.finding("a", settings: "1")
      finding.days["1970-01-01"] = ContractMemo.Day(
        parts: ["x"], repeats: [], bad: 2, examples: ["k"])
      memo.keep(finding, "a")
      try memo.write()
      func read() throws -> ContractMemo.Finding {
        try ContractMemo(dataset: "d", in: path, isEmpty: false).finding("a", settings: "1")
      }
      #expect(try read() == finding)
      let other = try ContractMemo(dataset: "d", in: path, isEmpty: false)
      #expect(other.finding("a", settings: "2").days.isEmpty)
      let file = path + "/d/" + ContractMemo.name
      let sound = try FileSystem.read(file)
      for place in stride(from: 0, to: sound.count, by: 7) {
        var bytes = sound
        bytes[place] ^= 4
        try FileSystem.write(bytes, to: file)
        #expect(try read().days.isEmpty, "byte \(place)")
      }
      try FileSystem.write([], to: file)
      #expect(try read().days.isEmpty)
    }
  }
}
