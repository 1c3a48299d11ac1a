import AlmanacCore
import Columns
import Documents
import Pipelines
import Postgres
import Testing

@Suite("Dataset definitions")
struct DatasetDefinitionTests {
  private func dataset(_ text: String) throws -> DatasetDefinition {
    try DatasetDefinition(node: try Sample.node(text))
  }

  @Test("order columns as key, tenant, clocks, then the rest, each once")
  func order() throws {
    let definition = try dataset(
      """
      dataset: lines
      from: app.lines
      time: at
      recorded: at
      key: [company, number]
      tenant: company
      mode: full
      columns:
        note: text?
        at: timestamp = to_timestamp(epoch)
        number: int
      """)
    #expect(
      definition.fields == [
        Field("company", .uuid), Field("number", .int64), Field("at", .timestamp),
        Field("note", .text, isNullable: true),
      ])
    #expect(
      definition.allColumns.map(\.sql) == [
        "\"company\"", "\"number\"", "(to_timestamp(epoch))", "\"note\"",
      ])
  }

  @Test(
    "read each type",
    arguments: [
      ("text", ColumnType.text), ("uuid", .uuid), ("uuids", .uuidList),
      ("int", .int64), ("smallint", .int16),
      ("float", .float64), ("bool", .bool), ("date", .date), ("timestamp", .timestamp),
      ("json", .json), ("bytes", .bytes), ("decimal(0)", .decimal(scale: 0)),
      ("decimal( 18 )", .decimal(scale: 18)), ("money(unit)", .money), ("money( unit )", .money),
    ])
  func types(_ written: String, _ type: ColumnType) throws {
    for (mark, isNullable) in [("", false), ("?", true), (" ?", true)] {
      let definition = try dataset(
        "{dataset: d, from: a.b, key: id, mode: full, "
          + "columns: {unit: text, x: \"\(written)\(mark)  =  a = 'b' \"}}")
      let column = try #require(definition[column: "x"])
      #expect(column.field == Field("x", type, isNullable: isNullable))
      #expect(column.expression == "a = 'b'")
      #expect(column.currencyColumn == (type == .money ? "unit" : nil))
    }
  }

  @Test(
    "write a type as it can be read again",
    arguments: ["int?", "money(unit)", "decimal(3)?", "json"])
  func typeText(_ written: String) throws {
    let definition = try dataset(
      "{dataset: d, from: a.b, key: id, mode: full, columns: {unit: text, x: \"\(written)\"}}")
    #expect(definition[column: "x"]?.typeText == written)
  }

  @Test("take a query, and end a comment in it before the closing parenthesis")
  func query() throws {
    let definition = try dataset(
      "dataset: d\nquery: |\n  SELECT id FROM t -- all\nkey: id\nmode: full\n")
    #expect(definition.sqlSource == "(SELECT id FROM t -- all\n) AS \"d\"")
    #expect(definition.timeColumn == nil)
    #expect(definition.fields == [Field("id", .uuid)])
  }

  @Test("quote names as SQL reads them literally")
  func quoting() {
    #expect(quoteIdentifier("timestamp") == "\"timestamp\"")
    #expect(quoteIdentifier("a\"b") == "\"a\"\"b\"")
    #expect(quoteIdentifier("") == "\"\"")
  }
}

@Suite("The canonical text of definitions")
struct DefinitionDigestTests {
  @Test("does not change with comments, quotes and the order of keys")
  func stable() throws {
    let lines = Sample.dataset.split(separator: "\n", omittingEmptySubsequences: false)
    // The last four lines are the columns with their heading, which stay together.
    let head = lines.prefix(7).reversed()
    let shuffled =
      "# a comment\n"
      + (Array(head) + lines.dropFirst(7)).joined(separator: "   # note\n")
    let first = try DatasetDefinition(node: try Sample.node(Sample.dataset))
    let second = try DatasetDefinition(node: try Sample.node(shuffled))
    #expect(first.canonicalText == second.canonicalText)
  }

  @Test("changes with every value", arguments: ["dataset", "pipeline", "model"])
  func sensitive(_ kind: String) throws {
    let text = [
      "dataset": Sample.dataset, "pipeline": Sample.pipeline, "model": Sample.model,
    ][kind]
    let root = try Sample.node(try #require(text))
    let original = try canonicalText(kind, root)
    var accepted = 0
    for variant in variants(of: root) {
      // Most changed values are refused; those that are not must show.
      guard let changed = try? canonicalText(kind, variant) else { continue }
      accepted += 1
      #expect(changed != original)
    }
    #expect(accepted >= 4)
  }

  private func canonicalText(_ kind: String, _ node: Node) throws -> String {
    switch kind {
    case "dataset": try DatasetDefinition(node: node).canonicalText
    case "pipeline": try PipelineDefinition(node: node).canonicalText
    default: try ModelDefinition(node: node).canonicalText
    }
  }

  /// The tree with one value changed at a time: each scalar gets a suffix, and each digit a change.
  private func variants(of node: Node) -> [Node] {
    switch node.content {
    case .scalar(let scalar):
      return [scalar.text + "x", scalar.text + "1"].map {
        Node(.scalar(Node.Scalar($0, isQuoted: scalar.isQuoted)), at: node.mark)
      }
    case .sequence(let items):
      return items.indices.flatMap { index in
        variants(of: items[index]).map { variant in
          var changed = items
          changed[index] = variant
          return Node(.sequence(changed), at: node.mark)
        }
      }
    case .mapping(let entries):
      return entries.indices.flatMap { index in
        variants(of: entries[index].value).map { variant in
          var changed = entries
          changed[index].value = variant
          return Node(.mapping(changed), at: node.mark)
        }
      }
    }
  }
}
