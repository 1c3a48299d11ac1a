// The numbers of Apache Parquet's format definition, parquet.thrift.

/// How the bytes of a value are laid out.
enum PhysicalType: Int32 {
  case boolean = 0
  case int32 = 1
  case int64 = 2
  case int96 = 3
  case float = 4
  case double = 5
  case byteArray = 6
  case fixedLengthByteArray = 7
}

/// How a page holds its values or levels.
enum PageEncoding: Int32 {
  case plain = 0
  case plainDictionary = 2
  case runLength = 3
  case bitPacked = 4
  case deltaBinaryPacked = 5
  case deltaLengthByteArray = 6
  case deltaByteArray = 7
  case runLengthDictionary = 8
  case byteStreamSplit = 9

  /// The name in the format's documents.
  var name: String {
    switch self {
    case .plain: "PLAIN"
    case .plainDictionary: "PLAIN_DICTIONARY"
    case .runLength: "RLE"
    case .bitPacked: "BIT_PACKED"
    case .deltaBinaryPacked: "DELTA_BINARY_PACKED"
    case .deltaLengthByteArray: "DELTA_LENGTH_BYTE_ARRAY"
    case .deltaByteArray: "DELTA_BYTE_ARRAY"
    case .runLengthDictionary: "RLE_DICTIONARY"
    case .byteStreamSplit: "BYTE_STREAM_SPLIT"
    }
  }
}

/// How pages are compressed.
enum PageCodec: Int32 {
  case uncompressed = 0
  case snappy = 1
  case gzip = 2
  case lzo = 3
  case brotli = 4
  case lz4 = 5
  case zstd = 6
  case lz4Raw = 7

  /// The name in the format's documents.
  var name: String {
    switch self {
    case .uncompressed: "no compression"
    case .snappy: "Snappy compression"
    case .gzip: "gzip compression"
    case .lzo: "LZO compression"
    case .brotli: "Brotli compression"
    case .lz4: "LZ4 compression"
    case .zstd: "zstd compression"
    case .lz4Raw: "LZ4 compression"
    }
  }
}

/// What a page holds.
enum PageType: Int32 {
  case data = 0
  case index = 1
  case dictionary = 2
  case dataV2 = 3
}

/// Whether a column's value may be missing or repeated.
enum Repetition: Int32 {
  case required = 0
  case optional = 1
  case repeated = 2
}

/// The older way to say what values mean; only the numbers in use here.
enum ConvertedType {
  static let utf8: Int32 = 0
  static let map: Int32 = 1
  static let mapKeyValue: Int32 = 2
  static let list: Int32 = 3
  static let enumeration: Int32 = 4
  static let decimal: Int32 = 5
  static let date: Int32 = 6
  static let timeMilliseconds: Int32 = 7
  static let timeMicroseconds: Int32 = 8
  static let timestampMilliseconds: Int32 = 9
  static let timestampMicroseconds: Int32 = 10
  static let unsigned8: Int32 = 11
  static let unsigned16: Int32 = 12
  static let unsigned32: Int32 = 13
  static let unsigned64: Int32 = 14
  static let signed8: Int32 = 15
  static let signed16: Int32 = 16
  static let signed32: Int32 = 17
  static let signed64: Int32 = 18
  static let json: Int32 = 19
  static let bson: Int32 = 20
  static let interval: Int32 = 21
}

/// The unit of a time or timestamp.
enum TimeUnit: Int {
  case milliseconds = 1
  case microseconds = 2
  case nanoseconds = 3
}

/// What the values of a column mean.
enum LogicalType: Equatable {
  case string
  case enumeration
  case decimal(scale: Int32, precision: Int32)
  case date
  case timestamp(isAdjustedToUTC: Bool, unit: TimeUnit)
  case integer(bitWidth: Int8, isSigned: Bool)
  case json
  case uuid
  case list
  /// Any other member of the format's union, by its number.
  case other(Int)
}
