import AlmanacCore
package import Columns

/// Leaves out rows that repeat the key of another row of the same UTC day, keeping the one
/// recorded first.
///
/// A producer may send an event twice; its identity is unique by intent only (DECISIONS.md, D-012).
///
/// - Parameters:
///   - batches: rows of one or more days; every batch has the named columns.
///   - key: the identity.
///   - recorded: the column that says when a row was recorded; without it the first row is kept.
///   - time: the column that says when the event happened.
/// - Returns: the remaining rows in their order, and how many were left out.
package func dropRepeated(
  _ batches: [Batch], key: [String], recorded: String?, time: String
) -> (batches: [Batch], dropped: Int) {
  struct Place {
    var batch: Int
    var row: Int
    var recorded: Int64
  }
  var keys = KeyTable(minimumCapacity: batches.reduce(0) { $0 + $1.rowCount })
  var kept: [Place] = []
  var left: [Int: Set<Int>] = [:]
  var dropped = 0
  for (index, batch) in batches.enumerated() {
    guard key.allSatisfy({ batch[$0] != nil }), case .int64(let times)? = batch[time]?.storage
    else { continue }
    var recordedTimes: [Int64]?
    if let recorded, case .int64(let values)? = batch[recorded]?.storage { recordedTimes = values }
    let values = batch.keyValues(of: key)
    for row in values.indices {
      let place = Place(batch: index, row: row, recorded: recordedTimes?[row] ?? 0)
      let day = Timestamp(microseconds: times[row]).dateUTC.daysSinceEpoch
      let (known, isNew) = keys.insert(values[row], tag: Int64(day))
      if isNew {
        kept.append(place)
        continue
      }
      dropped += 1
      let earlier = kept[known]
      let loser = place.recorded < earlier.recorded ? earlier : place
      if place.recorded < earlier.recorded { kept[known] = place }
      left[loser.batch, default: []].insert(loser.row)
    }
  }
  if dropped == 0 { return (batches, 0) }
  let remaining = batches.enumerated().map { index, batch in
    guard let gone = left[index] else { return batch }
    return batch.taking((0..<batch.rowCount).filter { !gone.contains($0) })
  }
  return (remaining, dropped)
}
