import Postgres
import Testing

@testable import Pipelines

@Suite("Pieces of a source")
struct SourcePiecesTests {
  private static func relation(_ blocks: Int) -> SourceRelation {
    SourceRelation(
      oid: "1", name: QualifiedName(schema: "app", name: "t"), filenode: "1", blocks: blocks)
  }

  @Test(
    "cover all blocks once, the last without an end",
    arguments: [0, 1, 4_095, 4_096, 4_097, 8_192, 1_000_000], [1, 100, 4_096])
  func ranges(blocks: Int, length: Int) {
    let pieces = SourcePieces.ranges(of: Self.relation(blocks), length: length)
    #expect(pieces.count == max(1, (blocks + length - 1) / length))
    #expect(pieces.first?.start == 0)
    #expect(pieces.last?.end == nil)
    for (piece, next) in zip(pieces, pieces.dropFirst()) {
      #expect(piece.end == next.start && piece.blocks == length)
    }
    #expect(pieces.reduce(0) { $0 + $1.blocks } == blocks)
    for piece in pieces {
      #expect(piece.conditions.count == (piece.start > 0 ? 1 : 0) + (piece.end == nil ? 0 : 1))
    }
  }
}
