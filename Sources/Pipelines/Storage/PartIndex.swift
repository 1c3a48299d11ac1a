import Codecs
import Columns
import Files

/// What a hidden file beside a part keeps of it, so that a part of the part can be read.
///
/// It holds a digest of each block of the part's bytes, made when the whole part was known to be
/// sound, and a filter of its keys. It is made of the part alone and can be made again, so no
/// manifest lists it; it is bound to the part by the part's digest and checks itself by digests
/// (DECISIONS.md, D-137).
struct PartIndex: Equatable, Sendable {
  /// Bytes of a block of the part.
  static let blockSize = 32 << 10
  /// Smaller parts have no index: reading them whole takes no longer.
  static let minimumPartBytes = 64 << 10

  private static let magic = Array("ALMINDX1".utf8)
  private static let digestSize = 16
  /// Magic, digest and size of the part, size of the filter, its digest and that of the key's name.
  private static let fixedSize = 8 + 32 + 8 + 8 + 2 * digestSize

  /// The digests of the blocks, one after the other.
  private let blocks: [UInt8]
  private let filterBytes: Int
  private let filterDigest: [UInt8]
  private let keyDigest: [UInt8]

  /// The path of the index of a part, below the data directory.
  static func path(of part: Manifest.Part) -> String { path(ofPart: part.path) }

  /// The path of the index of the part at a path.
  static func path(ofPart path: String) -> String {
    let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let name = path[slash...]
    return path[..<slash] + "." + name.prefix { $0 != "." } + ".index"
  }

  /// Whether a file name is that of an index.
  static func isIndex(_ name: String) -> Bool { name.hasPrefix(".") && name.hasSuffix(".index") }

  /// The file of the index of a part, whose `bytes` are those that the manifest lists; without a
  /// filter if rows have no key.
  static func encoded(
    _ part: Manifest.Part, bytes: [UInt8], filter: KeyFilter?, key: [String]
  ) -> [UInt8] {
    var stored: [UInt8] = []
    if let filter {
      stored = Words.bytes(of: [UInt32(filter.bits), UInt32(filter.rests.count)])
      stored += Words.bytes(of: filter.starts)
      stored += Words.bytes(of: filter.rests)
    }
    var file = magic
    file += SHA256.digest(of: part.sha256)
    file += bytesOf(bytes.count)
    file += bytesOf(stored.count)
    file += digest(stored[...])
    file += digest(of: key)
    for start in stride(from: 0, to: bytes.count, by: blockSize) {
      file += digest(bytes[start..<min(start + blockSize, bytes.count)])
    }
    file += digest(file[...])
    file += stored
    return file
  }

  /// Reads the index of a part without its filter; `nil` if there is none, or if it is damaged or
  /// of another part.
  init?(_ part: Manifest.Part, in file: RandomAccessFile) throws(FileError) {
    let blockCount = (part.bytes + PartIndex.blockSize - 1) / PartIndex.blockSize
    let size = PartIndex.fixedSize + PartIndex.digestSize * blockCount
    let head = try file.read(0..<size + PartIndex.digestSize)
    guard head.count == size + PartIndex.digestSize, head.starts(with: PartIndex.magic),
      head[size...].elementsEqual(PartIndex.digest(head[..<size])),
      head[8..<40].elementsEqual(SHA256.digest(of: part.sha256)),
      head[40..<48].elementsEqual(PartIndex.bytesOf(part.bytes))
    else { return nil }
    filterBytes = head[48..<56].reversed().reduce(0) { $0 << 8 | Int($1) }
    filterDigest = Array(head[56..<72])
    keyDigest = Array(head[72..<88])
    blocks = Array(head[PartIndex.fixedSize..<size])
    guard file.byteCount == head.count + filterBytes else { return nil }
  }

  /// Whether some blocks are those of the part: `bytes` begin with the block of a number.
  func accepts(_ bytes: [UInt8], from block: Int) -> Bool {
    var block = block
    for start in stride(from: 0, to: bytes.count, by: PartIndex.blockSize) {
      let known = block * PartIndex.digestSize..<(block + 1) * PartIndex.digestSize
      let content = bytes[start..<min(start + PartIndex.blockSize, bytes.count)]
      guard known.upperBound <= blocks.count,
        blocks[known].elementsEqual(PartIndex.digest(content))
      else { return false }
      block += 1
    }
    return true
  }

  /// The filter of the part's keys; `nil` if it is damaged, or of another key.
  func filter(of key: [String], in file: RandomAccessFile) throws(FileError) -> KeyFilter? {
    guard filterBytes >= 8, keyDigest == PartIndex.digest(of: key) else { return nil }
    let stored = try file.read(file.byteCount - filterBytes..<file.byteCount)
    guard stored.count == filterBytes, PartIndex.digest(stored[...]) == filterDigest else {
      return nil
    }
    let sizes = Words.words(of: stored[..<8])
    let (bits, count) = (Int(sizes[0]), Int(sizes[1]))
    guard bits <= 32, filterBytes == 4 * (2 + (1 << bits) + 1 + count) else { return nil }
    let restsStart = 4 * (2 + (1 << bits) + 1)
    return KeyFilter(
      bits: bits, starts: Words.words(of: stored[8..<restsStart]),
      rests: Words.words(of: stored[restsStart...]))
  }

  private static func digest(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var hash = SHA256()
    hash.update(bytes)
    return Array(hash.finalize().prefix(digestSize))
  }

  private static func digest(of key: [String]) -> [UInt8] {
    Array(SHA256.digest(of: "key 1\n" + key.joined(separator: "\n")).prefix(digestSize))
  }

  private static func bytesOf(_ number: Int) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }
}
