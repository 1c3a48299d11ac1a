/// One node of the schema tree, which the footer lists depth first.
struct SchemaElement: Equatable {
  var name = ""
  var physicalType: PhysicalType?
  var typeLength: Int32?
  var repetition: Repetition?
  var childCount: Int32?
  var convertedType: Int32?
  var scale: Int32?
  var precision: Int32?
  var logicalType: LogicalType?
}

/// Bounds of the values of a column in a row group, in the PLAIN encoding.
struct StatisticsRecord: Equatable {
  var minimum: [UInt8]?
  var maximum: [UInt8]?
  var nullCount: Int?
}

/// Where the pages of a column in a row group are.
struct ColumnChunkRecord: Equatable {
  var physicalType: PhysicalType = .boolean
  var encodings: [PageEncoding] = []
  var path: [String] = []
  var codec: PageCodec = .uncompressed
  var valueCount = 0
  var uncompressedSize = 0
  var compressedSize = 0
  var dataPageOffset = 0
  var dictionaryPageOffset: Int?
  var statistics = StatisticsRecord()

  /// The offset of the first page.
  var start: Int {
    // Some writers put 0 where there is no dictionary page.
    guard let dictionaryPageOffset, dictionaryPageOffset > 0 else { return dataPageOffset }
    return min(dictionaryPageOffset, dataPageOffset)
  }

  /// The bytes between the dictionary page's offset and that of the first data page.
  var dictionarySize: Int? {
    guard let dictionaryPageOffset, dictionaryPageOffset > 0, dictionaryPageOffset < dataPageOffset
    else {
      return nil
    }
    return dataPageOffset - dictionaryPageOffset
  }
}

/// The columns of some consecutive rows.
struct RowGroupRecord: Equatable {
  var columns: [ColumnChunkRecord] = []
  var byteSize = 0
  var rowCount = 0
}

/// The description at the end of a file of all that precedes it.
struct FileFooter: Equatable {
  var version: Int32 = 2
  var schema: [SchemaElement] = []
  var rowCount = 0
  var rowGroups: [RowGroupRecord] = []
  var keyValues: [KeyValue] = []
  var createdBy: String?

  struct KeyValue: Equatable {
    var key: String
    var value: String
  }
}
