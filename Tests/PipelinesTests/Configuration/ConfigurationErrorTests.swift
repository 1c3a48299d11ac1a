import AlmanacCore
import Documents
import Foundation
import Pipelines
import Testing

/// A right text with one part replaced, and the line an error has to print about it.
struct BrokenDefinition: CustomTestStringConvertible, Sendable {
  let name: String
  let part: String
  let replacement: String
  let message: String

  init(_ name: String, _ part: String, _ replacement: String, _ message: String) {
    self.name = name
    self.part = part
    self.replacement = replacement
    self.message = message
  }

  var testDescription: String { name }

  /// The error of reading `text` with the part replaced.
  func error(in text: String, _ read: (Node) throws(DocumentError) -> Void) throws -> DocumentError?
  {
    let range = try #require(text.range(of: part), "the sample has no \(part)")
    let broken = text.replacingCharacters(in: range, with: replacement)
    do throws(DocumentError) {
      try read(try Document.parse(Array(broken.utf8), file: "f.yaml"))
      return nil
    } catch {
      return error
    }
  }
}

/// Definitions without a fault, for tests to break.
enum Sample {
  static let dataset = """
    dataset: payments
    from: billing.payments
    time: paid_at
    recorded: created_at
    key: id
    tenant: company_id
    mode: append
    columns:
      amount: money(currency)
      currency: text
      note: text?  = metadata->>'note'

    """
  static let pipeline = """
    pipeline: nightly
    schedule: "15 2 * * *"
    zone: UTC
    currency: GBP
    stages:
      - extract: all
      - rollup: {grains: [hour, day]}
      - fit: [revenue]
      - predict: [revenue]
      - publish

    """
  static let model = """
    model: revenue
    question: how much?
    series:
      sum: amount
      from: payments
      where: outcome = succeeded
      at: paid_at
    scopes: [total]
    horizon: {day: 90, month: 6}
    fit:
      family: harmonic_ridge
      trend: {changepoints: 12}
      harmonics: {weekly: 3, yearly: 6}
      penalty: {choose: rolling_origin}
    levels: [80, 95]
    gate: {beats: [seasonal_naive]}

    """

  static func node(_ text: String, file: String = "f.yaml") throws -> Node {
    try Document.parse(Array(text.utf8), file: file)
  }
}

@Suite("Errors in a dataset's definition")
struct DatasetErrorTests {
  static let broken: [BrokenDefinition] = [
    BrokenDefinition(
      "misspelt first key", "dataset: payments", "datset: payments",
      #"f.yaml:1:1: found unknown key "datset", expected dataset (did you mean "dataset"?)"#),
    BrokenDefinition(
      "misspelt key", "tenant: company_id", "tennant: company_id",
      #"f.yaml:6:1: found unknown key "tennant", expected one of dataset, from, query, optional, time, recorded, key, tenant, mode, columns, deletes, updated, overlap, increment_bound, retention, checks (did you mean "tenant"?)"#
    ),
    BrokenDefinition(
      "unknown key", "tenant: company_id", "owner: company_id",
      #"f.yaml:6:1: found unknown key "owner", expected one of dataset, from, query, optional, time, recorded, key, tenant, mode, columns, deletes, updated, overlap, increment_bound, retention, checks"#
    ),
    BrokenDefinition(
      "name with a dash", "dataset: payments", "dataset: pay-ments",
      #"f.yaml:1:10: found "pay-ments", expected a name of letters, digits and underscores"#),
    BrokenDefinition(
      "no source", "from: billing.payments\n", "",
      #"f.yaml:1:1: found no key "from", expected it in the dataset"#),
    BrokenDefinition(
      "two sources", "from: billing.payments\n", "from: billing.payments\nquery: SELECT 1\n",
      #"f.yaml:3:1: found "query" besides "from", expected one of the two: a table or a query"#),
    BrokenDefinition(
      "table without a schema", "billing.payments", "payments",
      #"f.yaml:2:7: found "payments", expected a table with its schema, such as billing.invoices (did you mean "public.payments"?)"#
    ),
    BrokenDefinition(
      "table with three parts", "billing.payments", "db.billing.payments",
      #"f.yaml:2:7: found "db.billing.payments", expected a table with its schema, such as billing.invoices (for anything else use query: SELECT …)"#
    ),
    BrokenDefinition(
      "table as a list", "billing.payments", "[billing, payments]",
      "f.yaml:2:7: found a list, expected a table with its schema, such as billing.invoices"),
    BrokenDefinition(
      "query that is appended", "from: billing.payments", "query: SELECT 1",
      #"f.yaml:7:1: found mode append for a query, expected mode full or overlap, since a query shows no watermark (did you mean "full"?)"#
    ),
    BrokenDefinition(
      "query with a semicolon", "from: billing.payments", "query: SELECT 1;  ",
      "f.yaml:2:8: found a semicolon at the query's end, expected one SELECT without it"),
    BrokenDefinition(
      "no key", "key: id\n", "", #"f.yaml:1:1: found no key "key", expected it in the dataset"#),
    BrokenDefinition(
      "empty key", "key: id", "key:",
      "f.yaml:5:5: found nothing, expected a name of letters, digits and underscores"),
    BrokenDefinition(
      "empty list of keys", "key: id", "key: []",
      "f.yaml:5:6: found an empty list, expected at least one item, each a name of letters, digits and underscores"
    ),
    BrokenDefinition(
      "key column twice", "key: id", "key: [id, id]",
      #"f.yaml:5:11: found "id" a second time, expected each item once"#),
    BrokenDefinition(
      "no mode", "mode: append\n", "",
      #"f.yaml:1:1: found no key "mode", expected it in the dataset"#),
    BrokenDefinition(
      "misspelt mode", "mode: append", "mode: apend",
      #"f.yaml:7:7: found "apend", expected one of append, changes, full, overlap (did you mean "append"?)"#
    ),
    BrokenDefinition(
      "overlap without a length", "mode: append", "mode: overlap",
      #"f.yaml:1:1: found no key "overlap", expected it in the dataset"#),
    BrokenDefinition(
      "a length of overlap without overlap", "mode: append", "mode: append\noverlap: 2d",
      #"f.yaml:8:1: found "overlap" with mode append, expected mode overlap"#),
    BrokenDefinition(
      "an update clock without overlap", "mode: append", "mode: changes\nupdated: at",
      #"f.yaml:8:1: found "updated" with mode changes, expected mode overlap"#),
    BrokenDefinition(
      "a key sweep where rows are only added", "mode: append", "mode: append\ndeletes: key_sweep",
      #"f.yaml:8:1: found "deletes" with mode append, expected mode changes, or no key sweep"#),
    BrokenDefinition(
      "an increment bound of a mode without increments", "mode: append",
      "increment_bound: 7d\nmode: full",
      #"f.yaml:7:1: found "increment_bound" with mode full, expected mode append or changes"#),
    BrokenDefinition(
      "a retention of current state", "mode: append", "mode: full\nretention: 400d",
      #"f.yaml:8:1: found "retention" with mode full, expected mode append"#),
    BrokenDefinition(
      "a retention of hours", "mode: append", "mode: append\nretention: 5h",
      #"f.yaml:8:1: found a retention below a day, expected "time:" and a number of days such as 400d"#
    ),
    BrokenDefinition(
      "columns as a list",
      "columns:\n  amount: money(currency)\n  currency: text\n  note: text?  = metadata->>'note'\n",
      "columns:\n  - amount\n",
      "f.yaml:9:3: found a list, expected a mapping (key: value) for the columns"),
    BrokenDefinition(
      "column without a type", "currency: text", "currency:",
      "f.yaml:10:12: found nothing, expected a type such as text, uuid? or money(currency)"),
    BrokenDefinition(
      "column with a mapping", "currency: text", "currency: {type: text}",
      "f.yaml:10:13: found a mapping, expected a type such as text, uuid? or money(currency)"),
    BrokenDefinition(
      "misspelt type", "currency: text", "currency: txt",
      #"f.yaml:10:13: found "txt", expected one of text, uuid, uuids, int, smallint, float, bool, date, timestamp, json, bytes, money(currency), decimal(scale) (did you mean "text"?)"#
    ),
    BrokenDefinition(
      "PostgreSQL's name of a type", "currency: text", "currency: varchar?",
      #"f.yaml:10:13: found "varchar", expected one of text, uuid, uuids, int, smallint, float, bool, date, timestamp, json, bytes, money(currency), decimal(scale) (did you mean "text"?)"#
    ),
    BrokenDefinition(
      "numeric", "money(currency)", "numeric",
      #"f.yaml:9:11: found "numeric", expected one of text, uuid, uuids, int, smallint, float, bool, date, timestamp, json, bytes, money(currency), decimal(scale) (did you mean "decimal(scale)"?)"#
    ),
    BrokenDefinition(
      "money without a currency", "money(currency)", "money",
      #"f.yaml:9:11: found "money", expected one of text, uuid, uuids, int, smallint, float, bool, date, timestamp, json, bytes, money(currency), decimal(scale) (did you mean "money(currency)"?)"#
    ),
    BrokenDefinition(
      "money with an empty currency", "money(currency)", "money()",
      #"f.yaml:9:11: found "money()", expected money(NAME) with the name of the column that holds the currency"#
    ),
    BrokenDefinition(
      "money in an unknown column", "money(currency)", "money(curency)",
      #"f.yaml:9:3: found money(curency) and no column "curency", expected the currency's column among the columns (did you mean "currency"?)"#
    ),
    BrokenDefinition(
      "money in a column that is no text", "currency: text", "currency: int",
      #"f.yaml:10:3: found the currency of "amount", "currency", as int, expected text"#),
    BrokenDefinition(
      "scale beyond 18", "money(currency)", "decimal(19)",
      #"f.yaml:9:11: found "decimal(19)", expected decimal(SCALE) with 0 to 18 digits behind the point"#
    ),
    BrokenDefinition(
      "nothing behind the equals sign", "= metadata->>'note'", "=",
      #"f.yaml:11:9: found nothing behind "=", expected an SQL expression"#),
    BrokenDefinition(
      "column name with a space", "currency: text", "the currency: text",
      #"f.yaml:10:3: found the column name "the currency", expected a name of letters, digits and underscores"#
    ),
    BrokenDefinition(
      "column twice", "currency: text", "amount: text",
      #"f.yaml:10:3: found key "amount" a second time, expected it only once (first in line 9)"#),
    BrokenDefinition(
      "time as a date", "columns:", "columns:\n  paid_at: date",
      #"f.yaml:9:3: found the time column "paid_at" as date, expected timestamp"#),
    BrokenDefinition(
      "recorded that may be missing", "columns:", "columns:\n  created_at: timestamp?",
      #"f.yaml:9:3: found the recorded column "created_at" as timestamp?, expected timestamp"#),
    BrokenDefinition(
      "key that may be missing", "columns:", "columns:\n  id: uuid?",
      #"f.yaml:9:3: found the key or tenant column "id" as uuid?, expected a type without "?""#),
    BrokenDefinition(
      "tab", "  currency: text", "\tcurrency: text",
      "f.yaml:10:1: found a tab, expected spaces, since YAML does not indent with tabs"),
    BrokenDefinition(
      "SQL text that is never closed", "'note'", "'note #1'",
      #"f.yaml:11:9: found an SQL text that is never closed, expected "'" at its end, and double quotes around the whole if it holds " #""#
    ),
    BrokenDefinition(
      "quote closed by a later one", "currency: text", "currency: 'text",
      "f.yaml:11:30: found text that continues no key of the mapping begun in line 9, expected the end of the line, or a key indented to column 3"
    ),
  ]

  @Test("name place, finding and expectation", arguments: broken)
  func message(_ definition: BrokenDefinition) throws {
    let error = try definition.error(in: Sample.dataset) { (node) throws(DocumentError) in
      _ = try DatasetDefinition(node: node)
    }
    #expect(error?.description == definition.message)
    #expect(error?.exitStatus == .configuration)
  }
}

@Suite("Errors in a pipeline's definition")
struct PipelineErrorTests {
  static let broken: [BrokenDefinition] = [
    BrokenDefinition(
      "list instead of a mapping",
      "pipeline: nightly\nschedule: \"15 2 * * *\"\nzone: UTC\ncurrency: GBP\nstages:\n", "",
      "f.yaml:1:3: found a list, expected a mapping (key: value) for the pipeline"),
    BrokenDefinition(
      "no pipeline name", "pipeline: nightly\n", "",
      #"f.yaml:1:1: found no key "pipeline", expected it in the pipeline"#),
    BrokenDefinition(
      "unquoted schedule", "\"15 2 * * *\"", "* 2 * * *",
      #"f.yaml:2:11: found a value that begins with "*" or "&", expected quotes around it"#),
    BrokenDefinition(
      "schedule of four fields", "\"15 2 * * *\"", "15 2 * *",
      #"f.yaml:2:11: found "15 2 * *", 4 fields, expected five: minute, hour, day of the month, month, weekday, such as "15 2 * * *""#
    ),
    BrokenDefinition(
      "schedule with a wrong hour", "\"15 2 * * *\"", "15 24 * * *",
      #"f.yaml:2:11: found "24" as the hour, expected *, or 0 to 23 as a number, a range a-b, a list a,b, with or without a step /n"#
    ),
    BrokenDefinition(
      "schedule that never comes", "\"15 2 * * *\"", "15 2 31 4,6 *",
      #"f.yaml:2:11: found "15 2 31 4,6 *", a day that none of the months has, expected a day and month that exist"#
    ),
    BrokenDefinition(
      "schedule as a list", "\"15 2 * * *\"", "[15, 2]",
      #"f.yaml:2:11: found a list, expected five fields of cron in quotes, such as "15 2 * * *""#),
    BrokenDefinition(
      "empty zone", "zone: UTC", "zone:", "f.yaml:3:6: found nothing, expected a text"),
    BrokenDefinition(
      "no currency", "currency: GBP\n", "",
      #"f.yaml:1:1: found no key "currency", expected it in the pipeline"#),
    BrokenDefinition(
      "currency in small letters", "GBP", "gbp",
      #"f.yaml:4:11: found "gbp", expected a currency code of three capital letters, such as EUR"#),
    BrokenDefinition(
      "deadline", "currency: GBP", "currency: GBP\ndeadline: 06:00",
      #"f.yaml:5:11: found "06:00", expected a length of time such as 7d, 26h, 10m or 30s"#
    ),
    BrokenDefinition(
      "retries", "currency: GBP", "currency: GBP\nretries: {attempts: 30}",
      #"f.yaml:5:21: found "30", expected a whole number from 1 to 10"#
    ),
    BrokenDefinition(
      "misspelt stages", "stages:", "stage:",
      #"f.yaml:5:1: found unknown key "stage", expected stages (did you mean "stages"?)"#),
    BrokenDefinition(
      "stages as a mapping",
      "  - extract: all\n  - rollup: {grains: [hour, day]}\n  - fit: [revenue]\n  - predict: [revenue]\n  - publish\n",
      "  extract: all\n",
      "f.yaml:6:3: found a mapping, expected a list such as [a, b], each item a stage"),
    BrokenDefinition(
      "no stages",
      "stages:\n  - extract: all\n  - rollup: {grains: [hour, day]}\n  - fit: [revenue]\n  - predict: [revenue]\n  - publish\n",
      "stages: []\n", "f.yaml:5:1: found no stage, expected at least one"),
    BrokenDefinition(
      "unknown stage", "- publish", "- publsh",
      #"f.yaml:10:5: found "publsh", expected a stage, one of extract, check, rollup, metrics, cohorts, funnels, usage, anomalies, fit, predict, publish (did you mean "publish"?)"#
    ),
    BrokenDefinition(
      "unknown stage with a parameter", "- extract: all", "- extrakt: all",
      #"f.yaml:6:5: found "extrakt", expected a stage, one of extract, check, rollup, metrics, cohorts, funnels, usage, anomalies, fit, predict, publish (did you mean "extract"?)"#
    ),
    BrokenDefinition(
      "unknown stage unlike any", "- publish", "- deliver",
      #"f.yaml:10:5: found "deliver", expected a stage, one of extract, check, rollup, metrics, cohorts, funnels, usage, anomalies, fit, predict, publish"#
    ),
    BrokenDefinition(
      "stage as a list", "- publish", "- [publish]",
      "f.yaml:10:5: found a list, expected a stage, such as - publish or - extract: all"),
    BrokenDefinition(
      "two stages in one item", "  - predict: [revenue]\n  - publish",
      "  - predict: [revenue]\n    publish:",
      #"f.yaml:10:5: found "publish" in the item of stage "predict", expected each stage as an item of its own, behind "- ""#
    ),
    BrokenDefinition(
      "stage twice", "- publish", "- extract: all",
      #"f.yaml:10:5: found stage "extract" a second time, expected each stage once (first in line 6)"#
    ),
    BrokenDefinition(
      "predict before fit", "  - fit: [revenue]\n  - predict: [revenue]\n",
      "  - predict: [revenue]\n  - fit: [revenue]\n",
      #"f.yaml:9:5: found stage "fit" behind "predict", expected it in front of line 8, since predict reads what it writes"#
    ),
    BrokenDefinition(
      "rollup before extract", "  - extract: all\n  - rollup: {grains: [hour, day]}\n",
      "  - rollup: {grains: [hour, day]}\n  - extract: all\n",
      #"f.yaml:7:5: found stage "extract" behind "rollup", expected it in front of line 6, since rollup reads what it writes"#
    ),
    BrokenDefinition(
      "publish before predict", "  - predict: [revenue]\n  - publish",
      "  - publish\n  - predict: [revenue]",
      #"f.yaml:10:5: found stage "predict" behind "publish", expected it in front of line 9, since publish reads what it writes"#
    ),
    BrokenDefinition(
      "misspelt all", "extract: all", "extract: al",
      #"f.yaml:6:14: found "al", expected all, or a list of datasets such as [events, invoices] (did you mean "all"?)"#
    ),
    BrokenDefinition(
      "extract alone", "extract: all", "extract",
      #"f.yaml:6:5: found stage "extract" alone, expected - extract: all"#),
    BrokenDefinition(
      "extract of nothing", "extract: all", "extract:",
      "f.yaml:6:13: found nothing, expected all, or a list of datasets such as [events, invoices]"),
    BrokenDefinition(
      "fit alone", "- fit: [revenue]", "- fit",
      #"f.yaml:8:5: found stage "fit" alone, expected - fit: [MODEL]"#),
    BrokenDefinition(
      "fit without a list", "fit: [revenue]", "fit: revenue",
      #"f.yaml:8:10: found "revenue", expected a list such as [a, b], each item a name"#),
    BrokenDefinition(
      "misspelt grain", "[hour, day]", "[hour, dya]",
      #"f.yaml:7:29: found "dya", expected one of hour, day, month (did you mean "day"?)"#),
    BrokenDefinition(
      "grains without a key", "{grains: [hour, day]}", "[hour, day]",
      "f.yaml:7:13: found a list, expected a mapping (key: value) for the stage rollup"),
    BrokenDefinition(
      "misspelt grains", "{grains: [hour, day]}", "{grain: [hour]}",
      #"f.yaml:7:14: found unknown key "grain", expected grains (did you mean "grains"?)"#),
    BrokenDefinition(
      "publish with a parameter", "- publish", "- publish: all",
      #"f.yaml:10:14: found "all" behind "publish", expected - publish alone"#),
  ]

  @Test("name place, finding and expectation", arguments: broken)
  func message(_ definition: BrokenDefinition) throws {
    let error = try definition.error(in: Sample.pipeline) { (node) throws(DocumentError) in
      _ = try PipelineDefinition(node: node)
    }
    #expect(error?.description == definition.message)
    #expect(error?.exitStatus == .configuration)
  }
}

@Suite("Errors in a model's definition")
struct ModelErrorTests {
  static let broken: [BrokenDefinition] = [
    BrokenDefinition(
      "no question", "question: how much?\n", "",
      #"f.yaml:1:1: found no key "question", expected it in the model"#),
    BrokenDefinition(
      "series without a sum", "  sum: amount\n", "",
      #"f.yaml:4:3: found no key "sum", expected it in the series"#),
    BrokenDefinition(
      "misspelt series key", "  where: ", "  wehre: ",
      #"f.yaml:6:3: found unknown key "wehre", expected one of sum, from, where, at, or (did you mean "where"?)"#
    ),
    BrokenDefinition(
      "condition without a value", "outcome = succeeded", "outcome",
      #"f.yaml:6:10: found "outcome", expected a condition such as outcome = succeeded"#),
    BrokenDefinition(
      "condition with two equals signs", "outcome = succeeded", "outcome == succeeded",
      #"f.yaml:6:10: found "outcome == succeeded", expected a condition such as outcome = succeeded"#
    ),
    BrokenDefinition(
      "condition as a mapping", "outcome = succeeded", "{outcome: succeeded}",
      "f.yaml:6:10: found a mapping, expected a condition such as outcome = succeeded"),
    BrokenDefinition(
      "misspelt scope", "[total]", "[totl]",
      #"f.yaml:8:10: found "totl", expected one of total, segment, plan, module, company (did you mean "total"?)"#
    ),
    BrokenDefinition(
      "scopes of one regression", "[total]", "[total, plan]",
      "f.yaml:1:1: found the family harmonic_ridge for more than the revenue of the total, which "
        + "this version does not support, expected family: ensemble"),
    BrokenDefinition(
      "horizon of no days", "day: 90", "day: 0",
      #"f.yaml:9:16: found "0", expected a whole number from 1 to 730"#),
    BrokenDefinition(
      "horizon in words", "month: 6", "month: six",
      #"f.yaml:9:27: found "six", expected a whole number from 1 to 24"#),
    BrokenDefinition(
      "horizon of weeks", "month: 6", "month: 6, week: 3",
      #"f.yaml:9:30: found unknown key "week", expected day or month"#),
    BrokenDefinition(
      "unknown family", "harmonic_ridge", "harmonic_rigde",
      #"f.yaml:11:11: found "harmonic_rigde", expected ensemble or harmonic_ridge (did you mean "harmonic_ridge"?)"#
    ),
    BrokenDefinition(
      "too many weekly harmonics", "weekly: 3", "weekly: 4",
      #"f.yaml:13:23: found "4", expected a whole number from 0 to 3"#),
    BrokenDefinition(
      "fraction of a changepoint", "changepoints: 12", "changepoints: 1.5",
      #"f.yaml:12:25: found "1.5", expected a whole number from 0 to 100"#),
    BrokenDefinition(
      "unknown choice of the penalty", "rolling_origin", "cross_validation",
      #"f.yaml:14:21: found "cross_validation", expected rolling_origin"#),
    BrokenDefinition(
      "level without a column", "[80, 95]", "[80, 90]",
      #"f.yaml:15:14: found "90", expected 80 or 95, the levels that the tables hold"#),
    BrokenDefinition(
      "one level", "[80, 95]", "[95]", "f.yaml:15:9: found 1 level, expected both 80 and 95"),
    BrokenDefinition(
      "unknown baseline", "seasonal_naive", "seasonal_nave",
      #"f.yaml:16:16: found "seasonal_nave", expected one of seasonal_naive, naive, drift (did you mean "seasonal_naive"?)"#
    ),
    BrokenDefinition(
      "gate as a list", "{beats: [seasonal_naive]}", "[seasonal_naive]",
      "f.yaml:16:7: found a list, expected a mapping (key: value) for the gate"),
    BrokenDefinition(
      "holidays of one regression", "levels:", "holidays: {x: {date: 12-25}}\nlevels:",
      "f.yaml:15:1: found holidays for the family harmonic_ridge, which this version does not "
        + "support, expected family: ensemble"),
    BrokenDefinition(
      "holiday by two rules", "levels:", "holidays: {x: {date: 12-25, easter: 1}}\nlevels:",
      "f.yaml:15:29: found date: and easter: for one holiday, expected one of date, weekday, easter, "
        + "day, dates"),
    BrokenDefinition(
      "unknown model key", "levels:", "windows: 3\nlevels:",
      #"f.yaml:15:1: found unknown key "windows", expected one of model, question, series, scopes, measures, horizon, fit, holidays, levels, gate"#
    ),
  ]

  @Test("name place, finding and expectation", arguments: broken)
  func message(_ definition: BrokenDefinition) throws {
    let error = try definition.error(in: Sample.model) { (node) throws(DocumentError) in
      _ = try ModelDefinition(node: node)
    }
    #expect(error?.description == definition.message)
    #expect(error?.exitStatus == .configuration)
  }
}
