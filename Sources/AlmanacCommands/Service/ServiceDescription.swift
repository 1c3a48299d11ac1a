/// The functions of schema `api` as an OpenAPI 3.1 document.
///
/// An HTTP layer needs nothing else: `x-almanac-function` names the function of each operation,
/// whose arguments bear the names of its parameters unless `x-almanac-argument` says otherwise, and
/// `x-almanac-sqlstates` the SQLSTATEs of each status.
enum ServiceDescription {
  /// The document as text, without a newline at its end.
  static var text: String { document.lines() }

  private static var document: JSONTree {
    [
      "openapi": "3.1.0",
      "info": [
        "title": "Almanac",
        "version": "1",
        "description": .text(introduction),
      ],
      "paths": .object(endpoints.map { ($0.path, $0.item) }),
      "components": ["schemas": .object(ServiceSchemas.all)],
    ]
  }

  private static let introduction = """
    Published predictions and analytics, for the company that the caller belongs to. Every body \
    names the publication it was read from and says whether it is stale. Days are local dates of \
    the pipeline's zone, times are UTC, amounts are in the reporting currency.
    """

  /// One endpoint.
  private struct Endpoint {
    var path: String
    var function: String
    var summary: String
    var parameters: [JSONTree]
    var body: String
    var hasCursor = false

    var item: JSONTree {
      var responses: [(String, JSONTree)] = [
        (
          "200",
          [
            "description": "The published answer.",
            "content": [
              "application/json": ["schema": ["$ref": .text("#/components/schemas/\(body)")]]
            ],
          ]
        ),
        ("400", failure("An argument is wrong.", states: ["22", "42883"])),
      ]
      if hasCursor {
        responses.append(
          ("409", failure("The cursor is of another publication; begin again.", states: ["PB409"])))
      }
      return [
        "get": [
          "operationId": .text(function),
          "summary": .text(summary),
          "x-almanac-function": .text("api.\(function)"),
          "parameters": .array(parameters),
          "responses": .object(responses),
        ]
      ]
    }

    private func failure(_ description: String, states: [JSONTree]) -> JSONTree {
      [
        "description": .text(description),
        "x-almanac-sqlstates": .array(states),
        "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Failure"]]],
      ]
    }
  }

  private static func query(_ name: String, _ schema: JSONTree, _ text: String) -> JSONTree {
    [
      "name": .text(name), "in": "query", "required": false, "description": .text(text),
      "schema": schema,
    ]
  }

  private static func path(
    _ name: String, argument: String? = nil, _ schema: JSONTree, _ text: String
  ) -> JSONTree {
    .object(
      [("name", .text(name)), ("in", "path"), ("required", true), ("description", .text(text))]
        + (argument.map { [("x-almanac-argument", .text($0))] } ?? []) + [("schema", schema)])
  }

  private static let day: JSONTree = ["type": "string", "format": "date"]
  private static let identifier: JSONTree = ["type": "string", "format": "uuid"]

  private static let endpoints: [Endpoint] = [
    Endpoint(
      path: "/api/v1/predictions/revenue-forecast", function: "revenue_forecast",
      summary: "The forecast of revenue by day or month.",
      parameters: [
        query(
          "scope",
          [
            "type": "string", "enum": ["total", "segment", "plan", "module", "company"],
            "default": "total",
          ], "What the revenue is of."),
        query(
          "scope_id", ["type": "string", "minLength": 1, "maxLength": 200],
          "Which one; left out for the total, and needed otherwise."),
        query(
          "grain", ["type": "string", "enum": ["day", "month"], "default": "month"],
          "Length of a period."),
        query("from", day, "The first day."),
        query("to", day, "The day after the last one; not before `from`."),
      ], body: "RevenueForecast"),
    Endpoint(
      path: "/api/v1/predictions/churn-risk/{company_id}", function: "churn_risk",
      summary: "How likely a company is to stop paying.",
      parameters: [path("company_id", identifier, "The company.")], body: "ChurnRisk"),
    Endpoint(
      path: "/api/v1/predictions/upsell-opportunities/{company_id}",
      function: "upsell_opportunities",
      summary: "What a company may buy next.",
      parameters: [path("company_id", identifier, "The company.")], body: "UpsellOpportunities"),
    Endpoint(
      path: "/api/v1/predictions/payment-failure-risk", function: "payment_failure_risk",
      summary: "How likely payments are to fail, likeliest first.",
      parameters: [
        query(
          "min_probability", ["type": "number", "minimum": 0, "maximum": 1, "default": 0],
          "The least probability."),
        query(
          "limit", ["type": "integer", "minimum": 1, "maximum": 1000, "default": 100],
          "The number of rows of a page."),
        query(
          "cursor",
          [
            "type": "string", "maxLength": 200,
            "pattern": .text(
              "^1~[0-9]{1,18}~(0|1|0\\.[0-9]{1,22}|[1-9](\\.[0-9]{1,17})?"
                + "e-(0[5-9]|[1-9][0-9]|[12][0-9]{2}))(~[0-9a-f]{32}){3}$"),
          ], "What `next_cursor` of the page before says."),
      ], body: "PaymentFailureRisk", hasCursor: true),
    Endpoint(
      path: "/api/v1/analytics/metrics/{metric_name}", function: "metric",
      summary: "A named metric by day or month.",
      parameters: [
        path(
          "metric_name", argument: "name",
          ["type": "string", "minLength": 1, "maxLength": 200], "The name of the metric."),
        query("from", day, "The first day."),
        query("to", day, "The day after the last one; not before `from`."),
        query(
          "grain", ["type": "string", "enum": ["day", "month"], "default": "day"],
          "Length of a period."),
      ], body: "Metric"),
    Endpoint(
      path: "/api/v1/analytics/report/{report_id}", function: "report",
      summary: "A report that was made for people.",
      parameters: [path("report_id", identifier, "The report.")], body: "Report"),
  ]
}
