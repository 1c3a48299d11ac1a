extension SQLState {
  /// Whether the server's primary message for the code quotes names and states, but no values.
  ///
  /// Named are the classes known to be safe, so that a class of an extension or of a function's own
  /// `RAISE` is not.
  var hasMessageWithoutValues: Bool {
    [
      "08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "XX",
    ].contains(String(rawValue.prefix(2)))
  }

  /// The name of the condition in words, for codes whose message may quote values.
  var condition: String {
    if let name = SQLState.conditions[rawValue] { return name }
    switch self {
    case Class.data: return "invalid data"
    case Class.constraint: return "integrity constraint violation"
    default: return "the server refused the statement"
    }
  }

  /// The names PostgreSQL's manual gives the conditions, in its appendix on error codes.
  private static let conditions = [
    "21000": "cardinality violation", "22001": "text too long for its type",
    "22003": "numeric value out of range", "22004": "null value not allowed",
    "22007": "invalid date or time format", "22008": "date or time out of range",
    "22009": "invalid time zone displacement", "2200G": "most specific type mismatch",
    "22011": "substring error", "22012": "division by zero", "22015": "interval out of range",
    "22018": "invalid character value for cast", "22019": "invalid escape character",
    "2201B": "invalid regular expression", "2201E": "invalid argument for logarithm",
    "2201F": "invalid argument for power function", "22021": "character not in repertoire",
    "22023": "invalid parameter value", "22025": "invalid escape sequence",
    "2202E": "array subscript error", "22030": "duplicate JSON object key",
    "22032": "invalid JSON text", "2203A": "more than one SQL/JSON item",
    "22P01": "floating-point exception", "22P02": "invalid text representation",
    "22P03": "invalid binary representation", "22P04": "bad COPY file format",
    "22P05": "untranslatable character", "23001": "restrict violation",
    "23502": "not-null violation", "23503": "foreign key violation", "23505": "unique violation",
    "23514": "check violation", "23P01": "exclusion violation", "44000": "check option violation",
    "P0001": "an error raised by a function", "P0002": "no data found", "P0003": "too many rows",
    "P0004": "assertion failure",
  ]
}
