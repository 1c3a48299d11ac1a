package import Columns

/// The oid of the type `uuid`, which its arrays name in front of their elements.
let uuidOID: UInt32 = 2950

/// How PostgreSQL writes the values of a column in its binary format.
package enum WireType: Hashable, Sendable {
  /// One byte.
  case bool
  /// Whole numbers of 2, 4 and 8 bytes, signed.
  case int16
  case int32
  case int64
  /// Whole numbers of 4 bytes without a sign: `xid`, `oid`.
  case uint32
  /// IEEE 754 numbers of 4 and 8 bytes.
  case float32
  case float64
  /// Decimal numbers in base 10,000.
  case numeric
  /// Text in UTF-8: `text`, `varchar`, `char(n)`, `citext`, `name`, enumerations.
  case text
  /// JSON as text.
  case json
  /// JSON as text after a version byte.
  case jsonb
  /// Sixteen bytes.
  case uuid
  /// An array of `uuid`, of which at most one dimension can be read.
  case uuidArray
  /// Days since 2000-01-01.
  case date
  /// Microseconds since 2000-01-01: `timestamptz`, and `timestamp` taken as UTC.
  case timestamp
  /// Raw bytes.
  case bytea

  /// The format of a built-in type, or `nil` for a type that is not supported or not built in.
  package init?(oid: UInt32) {
    switch oid {
    case 16: self = .bool
    case 17: self = .bytea
    case 18, 19, 25, 705, 1042, 1043: self = .text
    case 20, 5069: self = .int64
    case 21: self = .int16
    case 23: self = .int32
    case 26, 28, 29: self = .uint32
    case 114: self = .json
    case 700: self = .float32
    case 701: self = .float64
    case 1082: self = .date
    case 1114, 1184: self = .timestamp
    case 1700: self = .numeric
    case uuidOID: self = .uuid
    case 2951: self = .uuidArray
    case 3802: self = .jsonb
    default: return nil
    }
  }

  /// The format that holds every value of a field's type.
  package init(canonicalFor type: ColumnType) {
    switch type {
    case .bool: self = .bool
    case .int16: self = .int16
    case .int32: self = .int32
    case .int64: self = .int64
    case .float32: self = .float32
    case .float64: self = .float64
    case .decimal: self = .numeric
    case .text: self = .text
    case .json: self = .jsonb
    case .bytes: self = .bytea
    case .uuid: self = .uuid
    case .uuidList: self = .uuidArray
    case .date: self = .date
    case .timestamp: self = .timestamp
    }
  }

  /// The number of bytes of every value, or `nil` where it varies.
  var width: Int? {
    switch self {
    case .bool: 1
    case .int16: 2
    case .int32, .uint32, .float32, .date: 4
    case .int64, .float64, .timestamp: 8
    case .uuid: 16
    case .numeric, .text, .json, .jsonb, .uuidArray, .bytea: nil
    }
  }

  /// Whether values are whole numbers.
  var isInteger: Bool {
    switch self {
    case .int16, .int32, .int64, .uint32: true
    default: false
    }
  }

  /// Whether values in this format can be read as values of a field's type.
  ///
  /// Whole numbers may be read as any numeric type; a value outside its range is an error, and so
  /// is a number or a time that is not finite.
  package func canBeRead(as type: ColumnType) -> Bool {
    switch (self, type) {
    case (.bool, .bool), (.float32, .float32), (.float32, .float64), (.float64, .float64),
      (.numeric, .decimal), (.numeric, .float64), (.text, .text), (.json, .json), (.json, .text),
      (.jsonb, .json), (.jsonb, .text), (.uuid, .uuid), (.uuidArray, .uuidList), (.date, .date),
      (.timestamp, .timestamp), (.bytea, .bytes):
      true
    case (_, .int16), (_, .int32), (_, .int64), (_, .float64), (_, .decimal): isInteger
    default: false
    }
  }

  /// Whether values of a field's type can be written in this format.
  ///
  /// A whole number outside the target's range is an error; a floating-point target takes the
  /// nearest number it has. A number that is not finite is an error.
  package func canBeWritten(from type: ColumnType) -> Bool {
    switch (self, type) {
    case (.bool, .bool), (.text, .text), (.text, .json), (.json, .json), (.json, .text),
      (.jsonb, .json), (.jsonb, .text), (.uuid, .uuid), (.uuidArray, .uuidList),
      (.date, .date), (.timestamp, .timestamp), (.bytea, .bytes), (.float32, .float32),
      (.float32, .float64), (.float64, .float32),
      (.float64, .float64), (.float64, .decimal), (.numeric, .decimal):
      true
    case (.float64, .int16), (.float64, .int32), (.float64, .int64): true
    case (.numeric, .int16), (.numeric, .int32), (.numeric, .int64): true
    case (_, .int16), (_, .int32), (_, .int64), (_, .decimal(scale: 0)): isInteger
    default: false
    }
  }
}
