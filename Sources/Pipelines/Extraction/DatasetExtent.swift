import AlmanacCore
import Postgres

/// How much of a dataset's source is read under a cut.
enum DatasetExtent: Hashable, Sendable {
  /// Every row. The reason says why that is more than was to be expected, `nil` if it is not.
  case whole(reason: String?)
  /// The rows that transactions from `horizon` on wrote, and every row of the relations whose oids
  /// are in `fresh`: those are new, or were truncated or rewritten.
  case increment(horizon: Int64, fresh: Set<String>)

  /// Decides by what is held already (DECISIONS.md, D-112).
  ///
  /// An increment needs proof that the identifiers of transactions mean the same as at the last cut:
  /// the same cluster on the same timeline, the same database and table, and a horizon that the
  /// server has reached and that 32 bits can still tell from later ones.
  init(_ plan: DatasetPlan, held: Manifest.Dataset?, at cut: SourceCut) {
    guard plan.definition.readsByTransaction, let table = plan.table, let held else {
      self = .whole(reason: nil)
      return
    }
    if held.definitionDigest != plan.definition.digest {
      self = .whole(reason: "its definition changed")
      return
    }
    let watermark = held.watermark
    if let reason = watermark.obstacle(to: table, at: cut) {
      self = .whole(reason: reason)
      return
    }
    guard let horizon = watermark.horizon, let known = watermark.relations else {
      self = .whole(reason: nil)
      return
    }
    let fresh = Set(table.watermarkRelations).subtracting(known).map(\.oid)
    self = .increment(horizon: horizon, fresh: Set(fresh))
  }
}

extension Watermark {
  /// Identifiers that 32 bits can tell apart: half of their circle.
  static let reach: Int64 = 1 << 31

  /// Why no increment on this watermark can be read of a table, `nil` if one can.
  func obstacle(to table: SourceTable, at cut: SourceCut) -> String? {
    guard let horizon, relations != nil else { return "it was never read by transactions" }
    let source = cut.source
    if source.systemIdentifier == SourceIdentity.unknown || source.timeline == nil {
      return "the role may not read which cluster the source is"
    }
    if systemIdentifier != source.systemIdentifier { return "the source is another cluster" }
    if databaseOID != source.databaseOID { return "the source is another database" }
    if timeline != source.timeline { return "the source was restored or promoted" }
    if tableOID != table.oid { return "the table was created anew" }
    if horizon > cut.next { return "the source is behind what was read before" }
    if cut.next - horizon >= Watermark.reach {
      return "two thousand million transactions have passed"
    }
    return nil
  }
}
