import AlmanacCore
import Postgres

/// How much of a dataset's source is read under a cut.
enum DatasetExtent: Hashable, Sendable {
  /// Every row. The reason says why that is more than was to be expected, `nil` if it is not.
  case whole(reason: String?)
  /// The rows that transactions from `horizon` on wrote, and every row of the relations whose oids
  /// are in `fresh`: those are new, or were truncated or rewritten.
  case increment(horizon: Int64, fresh: Set<String>)
  /// The rows that their own clock dates at or after an instant.
  case recent(since: Timestamp)

  /// Decides by what is held already (DECISIONS.md, D-112).
  ///
  /// An increment needs proof that the identifiers of transactions mean the same as at the last cut:
  /// the same cluster on the same timeline, the same database and table, and a horizon that the
  /// server has reached and that 32 bits can still tell from later ones.
  /// What is damaged without a day is read whole.
  init(_ plan: DatasetPlan, held: Manifest.Dataset?, repair: Repair?, at cut: SourceCut) {
    if plan.definition.mode == .overlap, let held {
      self = DatasetExtent(recent: plan, held: held, repair: repair, at: cut)
      return
    }
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
    if let repair, repair.days == nil {
      self = .whole(reason: nil)
      return
    }
    guard let horizon = watermark.horizon, let known = watermark.relations else {
      self = .whole(reason: nil)
      return
    }
    let fresh = Set(table.watermarkRelations).subtracting(known).map(\.oid)
    let bound = IncrementBound(plan.definition, watermark: watermark, at: cut)
    self = .increment(
      horizon: bound.applies ? horizon : watermark.unboundedHorizon ?? horizon,
      fresh: Set(fresh))
  }

  /// Mode overlap: what changed since the instant up to which the last cut showed all, and the
  /// overlap before it; everything where that instant is not known.
  private init(
    recent plan: DatasetPlan, held: Manifest.Dataset, repair: Repair?, at cut: SourceCut
  ) {
    let definition = plan.definition
    let watermark = held.watermark
    // A table that was created, filled or restored anew brings rows of old dates.
    let source = cut.watermark(of: plan.table, horizon: nil)
    guard repair == nil, held.definitionDigest == definition.digest,
      watermark.systemIdentifier == cut.source.systemIdentifier,
      watermark.databaseOID == cut.source.databaseOID, watermark.timeline == source.timeline,
      watermark.tableOID == source.tableOID, watermark.relations == source.relations,
      let overlap = definition.overlap,
      let through = watermark.changedThrough.flatMap({ Timestamp($0) })
    else {
      self = .whole(reason: nil)
      return
    }
    // A clock that was set back dates changes before what was seen already.
    if let now = cut.changedThrough.flatMap({ Timestamp($0) }), now < through {
      self = .whole(reason: "the clock of the source was set back")
      return
    }
    self = .recent(since: Timestamp(microseconds: through.microseconds - overlap))
  }

  /// The horizon of the increment, `nil` where rows are not read by their transactions.
  var horizon: Int64? {
    if case .increment(let horizon, _) = self { horizon } else { nil }
  }

  /// Whether what is held goes on.
  var isIncrement: Bool {
    if case .whole = self { false } else { true }
  }

  /// The oids of the relations that an increment reads whole.
  var fresh: Set<String> {
    if case .increment(_, let fresh) = self { fresh } else { [] }
  }
}

/// The bound on the recorded clock that lets an index help with an increment.
///
/// A row is dated with the begin of its transaction, which was open at the last cut or began later,
/// if its producer dates it so. Nobody knows that, so once a week an increment is read without the
/// bound, from the last one on that was (DECISIONS.md, D-116).
struct IncrementBound: Hashable, Sendable {
  /// Rows that were recorded earlier are left out, or counted; `nil` where none is declared, or the
  /// oldest transaction of the last cut is not known.
  let instant: Timestamp?
  /// Whether they are left out.
  let applies: Bool

  /// How long increments may be bounded, in microseconds: seven days.
  static let maximumAge = 7 * Timestamp.microsecondsPerDay

  init(_ definition: DatasetDefinition, watermark: Watermark, at cut: SourceCut) {
    guard let bound = definition.incrementBound,
      let oldest = watermark.oldestTransaction.flatMap({ Timestamp($0) }),
      let unbounded = watermark.unboundedAt.flatMap({ Timestamp($0) })
    else {
      (instant, applies) = (nil, false)
      return
    }
    instant = Timestamp(microseconds: oldest.microseconds - bound)
    applies = cut.clock.microseconds - unbounded.microseconds < IncrementBound.maximumAge
  }

  /// The condition that a row was recorded within the bound.
  func condition(on recorded: DatasetColumn) -> String? {
    guard applies, let instant else { return nil }
    return "\(recorded.sql) >= '\(instant)'::pg_catalog.timestamptz"
  }
}

extension Watermark {
  /// Identifiers that 32 bits can tell apart: half of their circle.
  static let reach: Int64 = 1 << 31

  /// Whether a standby of the same history may not show all that was seen here.
  ///
  /// It may have replayed a transaction and not the commit of an earlier one, so what counts is how
  /// far it had replayed the log before the cut was taken. Where the role may not read that, it is
  /// whether it has begun to replay the last transactions (DECISIONS.md, D-119).
  func isAhead(ofStandby cut: SourceCut) -> Bool {
    guard cut.source.isStandby, systemIdentifier == cut.source.systemIdentifier,
      databaseOID == cut.source.databaseOID, timeline == cut.source.timeline
    else { return false }
    if let seen = logPosition.flatMap({ LogPosition($0) }),
      let replayed = cut.before?.replayed, replayed < seen
    {
      return true
    }
    let bounds = snapshot.split(separator: ":", omittingEmptySubsequences: false)
    let end = bounds.count > 1 ? Int64(bounds[1]) : nil
    return max(end ?? 0, horizon ?? 0) > cut.next
  }

  /// Why no increment on this watermark can be read of a table, `nil` if one can.
  func obstacle(to table: SourceTable, at cut: SourceCut) -> String? {
    guard relations != nil else { return "it was never read by transactions" }
    guard let horizon else { return "the source might have forgotten its last transactions" }
    let source = cut.source
    if source.systemIdentifier == SourceIdentity.unknown || source.timeline == nil {
      return "the role may not read which cluster the source is"
    }
    if systemIdentifier != source.systemIdentifier { return "the source is another cluster" }
    if databaseOID != source.databaseOID { return "the source is another database" }
    if timeline != source.timeline { return "the source was restored or promoted" }
    if tableOID != table.oid { return "the table was created anew" }
    if horizon > cut.next { return "the source is behind what was read before" }
    // A copy that was put back, as of a virtual machine, is the same cluster in an earlier state.
    if source.writesLog, let held = flushedPosition.flatMap({ LogPosition($0) }),
      let end = cut.logPosition, end < held
    {
      return "the log of the source is behind what was read before"
    }
    if cut.next - min(horizon, unboundedHorizon ?? horizon) >= Watermark.reach {
      return "two thousand million transactions have passed"
    }
    return nil
  }
}
