import AlmanacCore
import Codecs
import Columns
import Files

/// Takes forgotten companies and users out of the files of a data directory (DECISIONS.md, D-557).
///
/// The rows of a company leave the files that are compared with the source for others, in which
/// nothing names it: each identifier that only its rows hold is replaced by one that a secret of this
/// call makes of it, each text that only its rows hold goes. So whatever is computed anew for all
/// companies together comes out as before. The new manifest makes all of it count at once; a call
/// that ended before leaves nothing but files that nobody lists.
struct DataErasure {
  let directory: DataDirectory
  let project: Project
  /// Whom to look for.
  let list: [Forgotten]
  /// What stands in the place of each; of a company also in the tables.
  let standIns: [UUIDValue]
  /// When the company counts as having gone.
  let instant: Timestamp

  /// The rows of one file that are concerned.
  private struct Find {
    var dataset: String
    /// Whether the file is one of rows whose companies were forgotten earlier.
    var isApart: Bool
    var part: Manifest.Part
    /// The position in the list, by row.
    var rows: [Int: Int]
  }

  /// Rows that were found, by dataset.
  func count() throws -> [(dataset: String, rows: Int)] {
    var matcher = ForgottenMatcher(list)
    var identity = Identities()
    let finds = try find(&matcher, &identity)
    return Dictionary(grouping: finds, by: \.dataset)
      .map { ($0.key, $0.value.reduce(0) { $0 + $1.rows.count }) }.sorted { $0.0 < $1.0 }
  }

  /// Rewrites the files and replaces the manifest.
  ///
  /// - Returns: the rows that were rewritten, by dataset.
  /// - Throws: ``ErasureError`` for a dataset of which nothing tells whose its rows are;
  ///   ``PipelineError/damagedPart(path:reason:)``; `FileError`.
  func run() throws -> [(dataset: String, rows: Int)] {
    var matcher = ForgottenMatcher(list)
    var identities = Identities()
    let finds = try find(&matcher, &identities)
    var manifest = directory.manifest
    // What a first load has read so far is read again, by the list.
    manifest.loads = nil
    manifest.forgotten = (manifest.forgotten ?? []) + list
    manifest.standIns =
      (manifest.standIns ?? [])
      + zip(list, standIns).filter { !$0.0.isUser }.map(\.1.description)
    manifest.version = Manifest.currentVersion
    var counts: [(dataset: String, rows: Int)] = []
    let moved = try rows(of: finds)
    var disguise = Disguise(
      definitions: project.datasets, companies: identities.companies, users: identities.users,
      instant: instant)
    for rows in moved { disguise.consider(rows.batch, of: rows.dataset, isUser: rows.isUser) }
    try keepShared(&disguise, finds)
    for (dataset, members) in Dictionary(grouping: finds, by: \.dataset).sorted(by: {
      $0.key < $1.key
    }) {
      try Interruption.check()
      try rewrite(
        dataset, members, moved.filter { $0.dataset == dataset }, disguise, in: &manifest)
      counts.append((dataset, members.reduce(0) { $0 + $1.rows.count }))
    }
    for dataset in manifest.datasets.keys {
      // They hold keys of bad rows, digests that the name of a company goes into, and what a company
      // may bring; without them everything is checked and computed again. Before the manifest: nobody looks for them afterwards.
      for memo in [ContractMemo.name, UsageMemo.name, FitMemo.name] {
        try FileSystem.removeTree("\(directory.path)/\(dataset)/\(memo)")
      }
    }
    try directory.commitMaintenance(manifest)
    return counts
  }

  /// The identifiers that were found, with what stands in their places.
  private struct Identities {
    var companies: [UUIDValue: UUIDValue] = [:]
    var users: [UUIDValue: UUIDValue] = [:]
  }

  /// The entries of a dataset, the one that is compared with the source first.
  private func entries(_ name: String) -> [(entry: Manifest.Dataset, isApart: Bool)] {
    [directory.manifest.datasets[name].map { ($0, false) }].compactMap(\.self)
      + [directory.manifest.apart?[name].map { ($0, true) }].compactMap(\.self)
  }

  private func find(
    _ matcher: inout ForgottenMatcher, _ identities: inout Identities
  ) throws -> [Find] {
    var finds: [Find] = []
    let names = Set(directory.manifest.datasets.keys).union((directory.manifest.apart ?? [:]).keys)
    for name in names.sorted() {
      guard let definition = project.dataset(name) else {
        throw ErasureError.undefined(dataset: name)
      }
      for (entry, isApart) in entries(name) {
        // Before anything is recorded: rows are found and laid out by the columns they were kept by.
        if let layout = entry.layout,
          layout.key != definition.key || layout.time != definition.timeColumn
        {
          throw ErasureError.layoutChanged(dataset: name)
        }
        for part in entry.parts where part.holdsSourceRows {
          try Interruption.check()
          let rows = try matches(in: part, definition, &matcher, &identities)
          if rows.isEmpty { continue }
          finds.append(Find(dataset: name, isApart: isApart, part: part, rows: rows))
        }
      }
    }
    return finds
  }

  private func matches(
    in part: Manifest.Part, _ definition: DatasetDefinition, _ matcher: inout ForgottenMatcher,
    _ identities: inout Identities
  ) throws -> [Int: Int] {
    let tenant = definition.tenantColumn
    let isNarrow = tenant != nil && !matcher.hasUsers
    let batch = try directory.reader.decode(part, columns: isNarrow ? tenant.map { [$0] } : nil)
    var rows: [Int: Int] = [:]
    guard let tenant else {
      for column in batch.columns {
        guard case .uuid(let values) = column.storage else { continue }
        if (0..<batch.rowCount).contains(where: { matcher.index(company: values.row($0)) != nil }) {
          throw ErasureError.withoutTenant(dataset: definition.name, column: column.field.name)
        }
      }
      return [:]
    }
    guard case .uuid(let owners)? = batch[tenant]?.storage else {
      throw ErasureError.tenantIsNoUUID(dataset: definition.name, column: tenant)
    }
    for row in 0..<batch.rowCount {
      guard let index = matcher.index(company: owners.row(row)) else { continue }
      rows[row] = index
      identities.companies[owners.row(row)] = standIns[index]
    }
    guard matcher.hasUsers else { return rows }
    for column in batch.columns where column.field.name != tenant {
      guard case .uuid(let values) = column.storage else { continue }
      for row in 0..<batch.rowCount where rows[row] == nil && !column.isNull(row) {
        guard let index = matcher.index(user: values.row(row), of: owners.row(row)) else {
          continue
        }
        rows[row] = index
        identities.users[values.row(row)] = standIns[index]
      }
    }
    return rows
  }

  /// Rows that are disguised together.
  private struct Rows {
    var dataset: String
    var isApart: Bool
    var part: Manifest.Part
    var batch: Batch
    /// Whether they are rows of a user of a company that stays.
    var isUser: Bool
    /// Whether they go on being compared with the source.
    var stays: Bool
  }

  private func rows(of finds: [Find]) throws -> [Rows] {
    try finds.flatMap { find -> [Rows] in
      let batch = try directory.reader.storedRows(of: find.part)
      let key = project.dataset(find.dataset)?.key ?? []
      let users = find.rows.filter { list[$0.value].isUser }.map(\.key).sorted()
      let companies = find.rows.filter { !list[$0.value].isUser }.map(\.key).sorted()
      var matcher = ForgottenMatcher(list)
      let tenant = project.dataset(find.dataset)?.tenantColumn ?? ""
      // A row that the user is the key of would look deleted to the next sweep of keys.
      let keyed = users.filter { row in
        guard case .uuid(let owners)? = batch[tenant]?.storage else { return false }
        return key.contains { name in
          guard name != tenant, case .uuid(let values)? = batch[name]?.storage else { return false }
          return matcher.index(user: values.row(row), of: owners.row(row)) != nil
        }
      }
      let others = users.filter { !Set(keyed).contains($0) }
      return [(companies, false, false), (keyed, true, false), (others, true, true)]
        .filter { !$0.0.isEmpty }
        .map { rows, isUser, stays in
          Rows(
            dataset: find.dataset, isApart: find.isApart, part: find.part,
            batch: batch.taking(rows), isUser: isUser, stays: stays)
        }
    }
  }

  /// Finds what other rows hold as well: it names nobody, and models and prices are found by it.
  private func keepShared(_ disguise: inout Disguise, _ finds: [Find]) throws {
    let found = Dictionary(
      finds.map { ($0.part.path, $0.rows) }, uniquingKeysWith: { one, _ in one })
    for definition in project.datasets {
      for (entry, _) in entries(definition.name) {
        for part in entry.parts where part.holdsSourceRows {
          let columns = disguise.columnsToCompare(of: definition)
          if columns.isEmpty { break }
          try Interruption.check()
          let gone = found[part.path] ?? [:]
          // A definition that changed since may name columns that the files do not have.
          let batch = try directory.reader.decode(
            part, columns: entry.definitionDigest == definition.digest ? columns : nil)
          disguise.keep(
            gone.isEmpty
              ? batch : batch.taking((0..<batch.rowCount).filter { gone[$0] == nil }),
            of: definition)
        }
      }
    }
  }

  private func rewrite(
    _ name: String, _ finds: [Find], _ rows: [Rows], _ disguise: Disguise,
    in manifest: inout Manifest
  ) throws {
    guard let definition = project.dataset(name) else { return }
    let writer = PartWriter(path: directory.path)
    var gone = KeyTable()
    for group in rows where !group.stays {
      for key in group.batch.keyValues(of: definition.key) { _ = gone.insert(key) }
    }
    let ranks = disguise.ranks(of: rows.filter { !$0.isUser }.map(\.batch))
    var live = directory.manifest.datasets[name]
    var apart = Apart(
      entry: directory.manifest.apart?[name] ?? live?.emptied, definition, directory, writer)
    for find in finds {
      let own = rows.filter { $0.part.path == find.part.path && $0.isApart == find.isApart }
      let kept = try directory.reader.storedRows(of: find.part)
      var staying = [kept.taking((0..<kept.rowCount).filter { find.rows[$0] == nil })]
      for group in own {
        let hidden = disguise.hiding(group.batch, of: definition, isUser: group.isUser, ranks)
        if group.stays, !find.isApart {
          staying.append(hidden)
        } else {
          apart.add(hidden, date: find.part.date, kind: .rows)
        }
      }
      staying.removeAll { $0.rowCount == 0 }
      if find.isApart {
        apart.replace(find.part, by: staying)
      } else {
        live?.parts.removeAll { $0.path == find.part.path }
        live?.parts += try Apart.write(
          staying, date: find.part.date, kind: .rows, definition, writer)
      }
    }
    for part in directory.manifest.datasets[name]?.parts ?? []
    where part.kind == .tombstones || part.kind == .repeats {
      let batch = try directory.reader.storedRows(of: part)
      let keys = batch.keyValues(of: definition.key)
      let places = keys.indices.filter { gone.index(of: keys[$0]) != nil }
      if places.isEmpty { continue }
      let staying = keys.indices.filter { gone.index(of: keys[$0]) == nil }
      live?.parts.removeAll { $0.path == part.path }
      live?.parts += try Apart.write(
        [batch.taking(staying)], date: part.date, kind: part.kind ?? .rows, definition, writer)
      apart.add(
        disguise.hiding(batch.taking(places), of: definition, isUser: false, ranks),
        date: part.date, kind: part.kind ?? .rows)
    }
    live?.parts.sort { $0.path < $1.path }
    // Examples of malformed values are keys of rows.
    for index in (live?.unchecked?.lifted ?? []).indices {
      live?.unchecked?.lifted[index].examples = []
    }
    manifest.datasets[name] = live
    var all = manifest.apart ?? [:]
    all[name] = try apart.finish()
    manifest.apart = all
  }
}

/// The rows of a dataset whose companies were forgotten, as they are put together.
private struct Apart {
  private var entry: Manifest.Dataset?
  private let definition: DatasetDefinition
  private let directory: DataDirectory
  private let writer: PartWriter
  private var added: [Group: [Batch]] = [:]
  private var replaced: [String: [Batch]] = [:]

  private struct Group: Hashable {
    var date: String?
    var kind: Manifest.Part.Kind
  }

  init(
    entry: Manifest.Dataset?, _ definition: DatasetDefinition, _ directory: DataDirectory,
    _ writer: PartWriter
  ) {
    self.entry = entry
    self.definition = definition
    self.directory = directory
    self.writer = writer
  }

  mutating func add(_ batch: Batch, date: String?, kind: Manifest.Part.Kind) {
    if batch.rowCount > 0 { added[Group(date: date, kind: kind), default: []].append(batch) }
  }

  /// Puts other rows into the place of a part.
  mutating func replace(_ part: Manifest.Part, by batches: [Batch]) {
    replaced[part.path] = batches
  }

  /// The entry with one part for each day and kind that something was added to.
  func finish() throws -> Manifest.Dataset? {
    guard var entry else { return nil }
    entry.unchecked = nil
    var parts: [Manifest.Part] = []
    var added = added
    for part in entry.parts {
      let group = Group(date: part.date, kind: part.kind ?? .rows)
      if replaced[part.path] == nil, added[group] == nil {
        parts.append(part)
      } else {
        let held = try replaced[part.path] ?? [directory.reader.decode(part, columns: nil)]
        added[group, default: []] += held
      }
    }
    for (group, batches) in added {
      parts += try Apart.write(
        batches, date: group.date, kind: group.kind, definition, writer)
    }
    entry.parts = parts.sorted { $0.path < $1.path }
    return entry
  }

  /// Writes rows of one day in their order.
  static func write(
    _ batches: [Batch], date: String?, kind: Manifest.Part.Kind, _ definition: DatasetDefinition,
    _ writer: PartWriter
  ) throws -> [Manifest.Part] {
    var layout = PartLayout(definition)
    if kind != .rows { layout.time = nil }
    let day = date.flatMap { CalendarDate($0) }
    var partitioner = RowPartitioner(
      layout: layout, writer: writer, kind: kind, date: layout.time == nil ? day : nil)
    for batch in batches { try partitioner.add(batch.compacted()) }
    return try partitioner.finish()
  }
}

extension Manifest.Dataset {
  /// The same dataset without a row.
  fileprivate var emptied: Manifest.Dataset {
    var copy = self
    copy.parts = []
    copy.missedByBound = nil
    copy.missedBound = nil
    return copy
  }
}
