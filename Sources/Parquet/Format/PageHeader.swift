/// What precedes the bytes of each page.
struct PageHeader: Equatable {
  /// The kind of page and what is particular to it.
  enum Content: Equatable {
    case data(valueCount: Int, encoding: PageEncoding, levelEncoding: PageEncoding)
    case dataV2(V2)
    case dictionary(entryCount: Int, encoding: PageEncoding)
    /// A page that holds no values, to be passed over.
    case index
  }

  /// A data page whose levels are kept apart from its compressed values.
  struct V2: Equatable {
    var valueCount = 0
    var nullCount = 0
    var rowCount = 0
    var encoding = PageEncoding.plain
    var definitionLevelsSize = 0
    var repetitionLevelsSize = 0
    var isCompressed = true
  }

  var content: Content
  var uncompressedSize: Int
  var compressedSize: Int
  /// The CRC-32 of the page's bytes as they are in the file.
  var checksum: UInt32?

  /// The header in the compact protocol.
  func encoded() -> [UInt8] {
    var writer = CompactWriter()
    writer.element { writer in
      writer.int32(1, type.rawValue)
      writer.int32(2, Int32(uncompressedSize))
      writer.int32(3, Int32(compressedSize))
      if let checksum { writer.int32(4, Int32(bitPattern: checksum)) }
      switch content {
      case .data(let valueCount, let encoding, let levelEncoding):
        writer.structure(5) { writer in
          writer.int32(1, Int32(valueCount))
          writer.int32(2, encoding.rawValue)
          writer.int32(3, levelEncoding.rawValue)
          writer.int32(4, PageEncoding.runLength.rawValue)
        }
      case .dictionary(let entryCount, let encoding):
        writer.structure(7) { writer in
          writer.int32(1, Int32(entryCount))
          writer.int32(2, encoding.rawValue)
        }
      case .dataV2(let page):
        writer.structure(8) { writer in
          writer.int32(1, Int32(page.valueCount))
          writer.int32(2, Int32(page.nullCount))
          writer.int32(3, Int32(page.rowCount))
          writer.int32(4, page.encoding.rawValue)
          writer.int32(5, Int32(page.definitionLevelsSize))
          writer.int32(6, Int32(page.repetitionLevelsSize))
          writer.bool(7, page.isCompressed)
        }
      case .index: break
      }
    }
    return writer.bytes
  }

  private var type: PageType {
    switch content {
    case .data: .data
    case .dataV2: .dataV2
    case .dictionary: .dictionary
    case .index: .index
    }
  }
}

extension PageHeader {
  /// Reads a header.
  init(_ reader: inout CompactReader) throws(DecodingFault) {
    var type: PageType?
    var sizes: (uncompressed: Int, compressed: Int) = (-1, -1)
    var content: Content?
    var checksum: UInt32?
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 1:
        let number = try reader.int32(field)
        guard let known = PageType(rawValue: number) else {
          throw .unsupported("pages of type \(number)")
        }
        type = known
      case 2: sizes.uncompressed = Int(try reader.int32(field))
      case 3: sizes.compressed = Int(try reader.int32(field))
      case 4: checksum = UInt32(bitPattern: try reader.int32(field))
      case 5, 7, 8:
        try reader.expectStructure(field)
        content = try PageHeader.content(field.id, &reader)
      default: try reader.skip(field)
      }
    }
    guard sizes.uncompressed >= 0, sizes.compressed >= 0 else {
      throw .corrupt("a page without a size")
    }
    self.uncompressedSize = sizes.uncompressed
    self.compressedSize = sizes.compressed
    self.checksum = checksum
    if type == .index {
      self.content = .index
      return
    }
    guard let content else { throw .corrupt("a page header without its second part") }
    self.content = content
    guard self.type == type else { throw .corrupt("a page header of two types") }
  }

  private static func content(
    _ id: Int, _ reader: inout CompactReader
  ) throws(DecodingFault) -> Content {
    // The numbers by field; the three kinds of page number theirs differently.
    var counts = [Int](repeating: 0, count: 9)
    var encodings = [PageEncoding](repeating: .plain, count: 9)
    var isCompressed = true
    let encodingFields =
      switch id {
      case 5: 2...4
      case 7: 2...2
      default: 4...4
      }
    var last = 0
    while let field = try reader.field(after: &last) {
      if encodingFields.contains(field.id) {
        let number = try reader.int32(field)
        guard let encoding = PageEncoding(rawValue: number) else {
          throw .unsupported("encoding \(number)")
        }
        encodings[field.id] = encoding
      } else if id == 8 && field.id == 7 {
        isCompressed = try reader.bool(field)
      } else if field.id < 7 && (id == 8 || field.id == 1) {
        let value = try reader.int32(field)
        guard value >= 0 else { throw .corrupt("a negative count in a page header") }
        counts[field.id] = Int(value)
      } else {
        try reader.skip(field)
      }
    }
    switch id {
    case 5:
      return .data(valueCount: counts[1], encoding: encodings[2], levelEncoding: encodings[3])
    case 7: return .dictionary(entryCount: counts[1], encoding: encodings[2])
    default:
      return .dataV2(
        V2(
          valueCount: counts[1], nullCount: counts[2], rowCount: counts[3], encoding: encodings[4],
          definitionLevelsSize: counts[5], repetitionLevelsSize: counts[6],
          isCompressed: isCompressed))
    }
  }
}
