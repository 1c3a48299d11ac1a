import AlmanacCore
import Postgres
import Predictions

/// Says in SQL what a feature of a company is made of, for the source.
///
/// Statements give what had happened and been recorded by the end of the day; a session reads
/// columns without a zone as UTC.
struct FeatureStatement {
  let definition: RiskDefinition
  let project: Project
  let company: UUIDValue
  let asOf: CalendarDate
  let zone: String

  /// A statement in parts.
  private struct Parts {
    var value: String
    var columns: [String]
    var relation: String
    var conditions: [String]
    var order: String
    var isGrouped = false
  }

  /// The instant as of which features are: the end of the day.
  private var instant: String {
    "timestamp '\(asOf.adding(days: 1))' AT TIME ZONE '\(zone)'"
  }

  /// A statement with the value of a quantity; `nil` of a state, which only its rows say, and where
  /// the definitions do not say where rows are.
  func value(_ quantity: FeatureQuantity) -> String? {
    parts(of: quantity).map { parts in
      "SELECT \(parts.value) FROM \(parts.relation)\nWHERE "
        + parts.conditions.joined(separator: "\n  AND ")
        + (parts.isGrouped ? "\nGROUP BY 1 ORDER BY 1;" : ";")
    }
  }

  /// A statement with the rows behind a quantity, the newest first; `nil` where the definitions do
  /// not say where they are.
  func rows(_ quantity: FeatureQuantity) -> String? {
    if quantity.readsState { return changes }
    return parts(of: quantity).map { parts in
      "SELECT \(parts.columns.joined(separator: ", ")) FROM \(parts.relation)\nWHERE "
        + parts.conditions.joined(separator: "\n  AND ") + "\nORDER BY \(parts.order) DESC;"
    }
  }

  private func parts(of quantity: FeatureQuantity) -> Parts? {
    guard let count = definition.counts.first(where: { $0.name == quantity.measure }),
      let dataset = project.dataset(count.dataset.name), let tenant = dataset.tenantColumn,
      let time = count.timeColumn?.name ?? dataset.timeColumn,
      let recorded = dataset.recordedColumn, let relation = relation(dataset)
    else { return nil }
    let at = instant(time, dataset)
    let day = "(\(at) AT TIME ZONE '\(zone)')::date"
    let end = asOf.adding(days: 1)
    let keys = dataset.key.map { column($0, dataset) }
    let names = dataset.key + [time, recorded] + count.conditions.map(\.column.name)
    var parts = Parts(
      value: "", columns: shown(names + [count.subject?.name].compactMap(\.self), dataset),
      relation: relation,
      conditions: known(time, recorded, tenant, dataset), order: at)
    parts.conditions += count.conditions.map { condition in
      "\(column(condition.column.name, dataset))::text IN "
        + "(\(condition.values.map(quoteLiteral).joined(separator: ", ")))"
    }
    let different = "count(DISTINCT (\(keys.joined(separator: ", "))))"
    switch quantity {
    case .count(_, let days, let before):
      parts.value = different
      parts.conditions += window(day, end, days, before)
    case .distinct(_, let days):
      parts.value = count.subject.map { "count(DISTINCT \(column($0.name, dataset)))" } ?? different
      parts.conditions += window(day, end, days, 0)
    case .activeDays(_, let days):
      parts.value = "count(DISTINCT \(day))"
      parts.conditions += window(day, end, days, 0)
    case .sinceLast(_, let cap):
      parts.value = "least(\(cap), coalesce(date '\(end)' - max(\(day)), \(cap)))"
    case .sinceFirst: parts.value = "date '\(end)' - min(\(day))"
    case .slope(_, let weeks):
      parts.value = "(date '\(end)' - 1 - \(day)) / 7 AS weeks_ago, \(different)"
      parts.isGrouped = true
      parts.conditions += window(day, end, 7 * weeks, 0)
    case .level, .change: return nil
    }
    return parts
  }

  /// A statement with what the source says of the company now, in a column of companies; `nil` where
  /// the definitions do not say where that is.
  func attribute(_ name: String) -> String? {
    guard let dataset = project.dataset(RiskDefinition.companies),
      let tenant = dataset.tenantColumn, let relation = relation(dataset)
    else { return nil }
    let names = dataset.key + [name, "updated_at"]
    return "SELECT \(shown(names, dataset).joined(separator: ", ")) FROM \(relation)\nWHERE "
      + "\(column(tenant, dataset)) = '\(company)'\nORDER BY 1;"
  }

  /// A statement with the rows that say what the company holds, the newest first; `nil` where the
  /// definitions do not say where they are.
  func holding(_ held: FeatureHolding) -> String? {
    switch held {
    case .plan: changes
    }
  }

  /// What charges of the company, and the methods they were made with, were known.
  var payments: [RiskExplanation.Check] {
    var checks: [RiskExplanation.Check] = []
    if let dataset = project.dataset("payment_attempts"), let tenant = dataset.tenantColumn,
      let recorded = dataset.recordedColumn, let time = dataset.timeColumn,
      let relation = relation(dataset)
    {
      let names =
        dataset.key + [
          "invoice_id", "payment_method_id", "amount", "currency", "outcome",
          "decline_class",
        ] + [time, recorded]
      checks.append(
        RiskExplanation.Check(
          feature: "charges", values: [],
          rows: [
            "SELECT \(shown(names, dataset).joined(separator: ", ")) FROM \(relation)\nWHERE "
              + known(time, recorded, tenant, dataset).joined(separator: "\n  AND ")
              + "\nORDER BY \(instant(time, dataset)) DESC;"
          ]))
    }
    if let dataset = project.dataset("payment_methods"), let tenant = dataset.tenantColumn,
      let recorded = dataset.recordedColumn, let relation = relation(dataset)
    {
      let names =
        dataset.key + PaymentMethodHistory.fixedColumns + ["exp_month", "exp_year", "is_active"]
        + [recorded]
      checks.append(
        RiskExplanation.Check(
          feature: "methods as they are now", values: [],
          rows: [
            "SELECT \(shown(names, dataset).joined(separator: ", ")) FROM \(relation)\nWHERE "
              + "\(column(tenant, dataset)) = '\(company)'\n  AND "
              + "\(instant(recorded, dataset)) < \(instant)\nORDER BY "
              + "\(instant(recorded, dataset)) DESC;"
          ]))
    }
    return checks
  }

  /// What states are made of: the changes of subscriptions known by then.
  private var changes: String? {
    guard let dataset = project.dataset("subscription_changes"),
      let recorded = dataset.recordedColumn, let tenant = dataset.tenantColumn,
      let relation = relation(dataset)
    else { return nil }
    let names =
      dataset.key
      + [
        "subscription_id", "sequence", "change", "plan_id", "module_id", "quantity",
        "recurring_amount", "currency", "effective_at", recorded,
      ]
    return """
      SELECT \(shown(names, dataset).joined(separator: ", ")) FROM \(relation)
      WHERE \(column(tenant, dataset)) = '\(company)'
        AND \(instant(recorded, dataset)) < \(instant)
      ORDER BY \(instant("effective_at", dataset)) DESC, \(column("sequence", dataset)) DESC;
      """
  }

  /// That a row is the company's, had happened and was recorded.
  private func known(
    _ time: String, _ recorded: String, _ tenant: String, _ dataset: DatasetDefinition
  ) -> [String] {
    [
      "\(column(tenant, dataset)) = '\(company)'", "\(instant(time, dataset)) < \(instant)",
      "\(instant(recorded, dataset)) < \(instant)",
    ]
  }

  private func window(_ day: String, _ end: CalendarDate, _ days: Int, _ before: Int) -> [String] {
    let last = end.adding(days: -before)
    return ["\(day) >= date '\(last.adding(days: -days))'", "\(day) < date '\(last)'"]
  }

  private func relation(_ dataset: DatasetDefinition) -> String? {
    switch dataset.source {
    case .table(let schema, let name): QualifiedName(schema: schema, name: name).quoted
    case .query(let query): "(\(query)) AS rows"
    }
  }

  private func column(_ name: String, _ dataset: DatasetDefinition) -> String {
    dataset[column: name]?.sql ?? quoteIdentifier(name)
  }

  private func instant(_ name: String, _ dataset: DatasetDefinition) -> String {
    "\(column(name, dataset))::timestamptz"
  }

  /// Those columns that there are, each once, by their names.
  private func shown(_ names: [String], _ dataset: DatasetDefinition) -> [String] {
    var seen: Set<String> = []
    return names.filter { dataset[column: $0] != nil && seen.insert($0).inserted }.map { name in
      dataset[column: name]?.expression.map { "(\($0)) AS \(quoteIdentifier(name))" }
        ?? quoteIdentifier(name)
    }
  }
}
