/// The bodies that the functions of schema `api` give, as JSON Schemas.
enum ServiceSchemas {
  /// Each schema by name.
  static let all: [(String, JSONTree)] = [
    (
      "RevenueForecast",
      object(
        [("publication_id", publication), ("company_id", nullable(identifier))]
          + [
            ("scope", words("total", "segment", "plan", "module", "company")),
            ("scope_id", nullable(text)), ("grain", words("day", "month")),
            ("as_of", nullable(day)), ("recorded_cut", nullable(instant)),
            ("valid_until", nullable(instant)), ("stale", truth), ("currency", nullable(text)),
            ("model", nullable(text)), ("model_version", nullable(text)),
            ("model_used", nullable(text)), ("fallback_reason", nullable(text)),
            (
              "rows",
              list(
                object([
                  ("period_start", day), ("horizon", integer), ("predicted", number),
                  ("lower_80", nullable(number)), ("upper_80", nullable(number)),
                  ("lower_95", nullable(number)), ("upper_95", nullable(number)),
                ]))
            ),
          ])
    ),
    (
      "ChurnRisk",
      object(
        [("publication_id", publication), ("company_id", identifier)] + origin + [
          (
            "prediction",
            nullable(
              object([
                ("probability", probability), ("probability_90d", nullable(probability)),
                ("risk_band", words("low", "medium", "high", "critical")),
                ("expected_mrr_loss", nullable(number)), ("reasons", list(["type": "object"])),
                ("actions", list(["type": "object"])),
              ]))
          )
        ])
    ),
    (
      "UpsellOpportunities",
      object(
        [("publication_id", publication), ("company_id", identifier)] + origin + [
          (
            "rows",
            list(
              object([
                ("rank", integer), ("kind", words("tier_upgrade", "module_cross_sell")),
                ("target_id", identifier), ("probability", probability),
                ("expected_mrr_uplift", nullable(number)), ("reasons", list(["type": "object"])),
              ]))
          )
        ])
    ),
    (
      "PaymentFailureRisk",
      object(
        [
          ("publication_id", publication), ("company_id", nullable(identifier)),
          ("min_probability", probability),
        ] + origin + [
          (
            "rows",
            list(
              object([
                ("company_id", identifier), ("invoice_id", identifier),
                ("payment_method_id", identifier), ("due_at", nullable(instant)),
                ("probability", probability), ("amount_at_risk", nullable(number)),
                (
                  "decline_class_expected",
                  nullable(words("hard", "soft", "never", "technical", "authentication"))
                ),
                ("retry_at", nullable(instant)),
                ("retry_success_probability", nullable(probability)),
                ("alternative_payment_method_id", nullable(identifier)),
                ("alternative_success_probability", nullable(probability)),
                ("reasons", list(["type": "object"])),
              ]))
          ),
          ("next_cursor", nullable(text)),
        ])
    ),
    (
      "Metric",
      object([
        ("publication_id", publication), ("company_id", nullable(identifier)),
        ("metric_name", text), ("grain", words("day", "month")), ("as_of", nullable(day)),
        ("valid_until", nullable(instant)), ("stale", truth), ("unit", nullable(text)),
        ("currency", nullable(text)),
        (
          "rows",
          list(
            object([
              ("period_start", day), ("value", nullable(number)), ("numerator", number),
              ("denominator", nullable(number)), ("restated_at", nullable(instant)),
            ]))
        ),
      ])
    ),
    (
      "Report",
      object([
        ("publication_id", publication), ("company_id", nullable(identifier)),
        ("report_id", identifier), ("valid_until", nullable(instant)), ("stale", truth),
        (
          "report",
          nullable(
            object([
              ("report_name", text), ("report_type", text), ("query_params", ["type": "object"]),
              ("results", ["type": "object"]), ("files", list(["type": "object"])),
              ("generated_at", instant),
            ]))
        ),
      ])
    ),
    ("Failure", object([("sqlstate", text), ("message", text)])),
  ]

  /// Where rows come from.
  private static let origin: [(String, JSONTree)] = [
    ("as_of", nullable(day)), ("recorded_cut", nullable(instant)),
    ("valid_until", nullable(instant)), ("stale", truth), ("model", nullable(text)),
    ("model_version", nullable(text)),
  ]

  private static let text: JSONTree = ["type": "string"]
  private static let truth: JSONTree = ["type": "boolean"]
  private static let number: JSONTree = ["type": "number"]
  private static let integer: JSONTree = ["type": "integer"]
  private static let day: JSONTree = ["type": "string", "format": "date"]
  private static let instant: JSONTree = ["type": "string", "format": "date-time"]
  private static let identifier: JSONTree = ["type": "string", "format": "uuid"]
  private static let probability: JSONTree = ["type": "number", "minimum": 0, "maximum": 1]
  /// Null before the first publication.
  private static let publication: JSONTree = nullable(integer)

  private static func words(_ words: String...) -> JSONTree {
    ["type": "string", "enum": .array(words.map { .text($0) })]
  }

  private static func list(_ items: JSONTree) -> JSONTree { ["type": "array", "items": items] }

  private static func nullable(_ schema: JSONTree) -> JSONTree {
    ["anyOf": [schema, ["type": "null"]]]
  }

  /// An object that has all of these members and no other.
  private static func object(_ members: [(String, JSONTree)]) -> JSONTree {
    [
      "type": "object",
      "properties": .object(members),
      "required": .array(members.map { .text($0.0) }),
      "additionalProperties": false,
    ]
  }
}
