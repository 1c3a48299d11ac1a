package import AlmanacCore
import Codecs
import Columns

/// A company, or a user of one, that was forgotten, known by a digest alone (DECISIONS.md, D-557).
///
/// The digest is SHA-256 over a random salt and the 16 bytes of the identifier, those of the company
/// before those of a user: who knows the identifier can tell that it was forgotten, nobody else can
/// tell whose digest it is.
package struct Forgotten: Codable, Hashable, Sendable {
  /// The salt in hexadecimal.
  package var salt: String
  /// The digest in hexadecimal.
  package var digest: String
  /// Whether it is a user of a company.
  package var isUser: Bool

  /// A forgotten one as it was recorded.
  package init(salt: String, digest: String, isUser: Bool) {
    self.salt = salt
    self.digest = digest
    self.isUser = isUser
  }

  /// What stands for a company, or for a user of it.
  ///
  /// - Parameters:
  ///   - company: the company.
  ///   - user: the user; `nil` for the company.
  ///   - salt: 32 bytes in hexadecimal, those of others that were forgotten where there are any, so
  ///     that one digest of an identifier is compared with all of them.
  package init(company: UUIDValue, user: UUIDValue? = nil, salt: String) {
    self.init(
      salt: salt, digest: Forgotten.digest([company] + [user].compactMap(\.self), salt),
      isUser: user != nil)
  }

  /// A salt that nobody can guess.
  package static func randomSalt() -> String {
    var random = SystemRandomNumberGenerator()
    return SHA256.hexadecimal((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) })
  }

  fileprivate static func digest(_ identifiers: [UUIDValue], _ salt: String) -> String {
    var hash = SHA256()
    hash.update(Array(salt.utf8))
    for identifier in identifiers { hash.update(identifier.bytes) }
    return SHA256.hexadecimal(hash.finalize())
  }
}

/// Finds those that were forgotten among identifiers; it remembers what it found, so each is looked
/// at once.
struct ForgottenMatcher {
  private var companies: [String: [String: Int]] = [:]
  private var users: [String: [String: Int]] = [:]
  private var knownCompanies: [UUIDValue: Int?] = [:]
  private var knownUsers: [[UUIDValue]: Int?] = [:]

  /// A matcher of a list; what it finds are positions in it.
  init(_ list: [Forgotten]) {
    for (index, one) in list.enumerated() {
      if one.isUser {
        users[one.salt, default: [:]][one.digest] = index
      } else {
        companies[one.salt, default: [:]][one.digest] = index
      }
    }
  }

  /// Whether there is nobody to find.
  var isEmpty: Bool { companies.isEmpty && users.isEmpty }
  /// Whether there is a user to find.
  var hasUsers: Bool { !users.isEmpty }

  /// The position of a company, `nil` if it was not forgotten.
  mutating func index(company: UUIDValue) -> Int? {
    if let known = knownCompanies[company] { return known }
    let found = companies.lazy.compactMap { salt, digests in
      digests[Forgotten.digest([company], salt)]
    }.first
    knownCompanies[company] = .some(found)
    return found
  }

  /// The position of a user of a company, `nil` if it was not forgotten.
  mutating func index(user: UUIDValue, of company: UUIDValue) -> Int? {
    if users.isEmpty { return nil }
    if let known = knownUsers[[company, user]] { return known }
    let found = users.lazy.compactMap { salt, digests in
      digests[Forgotten.digest([company, user], salt)]
    }.first
    knownUsers[[company, user]] = .some(found)
    return found
  }

  /// The rows of a batch without those of forgotten companies and those that a forgotten user is the
  /// key of; elsewhere nothing stands where that user stood.
  ///
  /// - Parameters:
  ///   - batch: rows as the source sent them.
  ///   - tenant: the column of the company; without one the rows belong to nobody.
  ///   - key: the columns that identify a row.
  /// - Returns: the rows that are left.
  mutating func removing(from batch: Batch, tenant: String?, key: [String]) -> Batch {
    guard !isEmpty, let tenant, case .uuid(let owners)? = batch[tenant]?.storage else {
      return batch
    }
    var kept = [Bool](repeating: true, count: batch.rowCount)
    for row in 0..<batch.rowCount where index(company: owners.row(row)) != nil { kept[row] = false }
    var columns = batch.columns
    if hasUsers {
      for (place, column) in columns.enumerated() where column.field.name != tenant {
        guard case .uuid(let values) = column.storage else { continue }
        let rows = (0..<batch.rowCount).filter { row in
          kept[row] && !column.isNull(row)
            && index(user: values.row(row), of: owners.row(row)) != nil
        }
        if rows.isEmpty { continue }
        if key.contains(column.field.name) || !column.field.isNullable {
          for row in rows { kept[row] = false }
        } else {
          columns[place] = column.clearing(Set(rows))
        }
      }
    }
    let rows = kept.indices.filter { kept[$0] }
    let result = Batch(columns, rowCount: batch.rowCount)
    return rows.count == batch.rowCount ? result : result.taking(rows)
  }

  /// The condition in SQL that a row is not of a forgotten company, and that its key is no forgotten
  /// user; `nil` where nobody was forgotten.
  static func condition(_ list: [Forgotten], for definition: DatasetDefinition) -> String? {
    guard let tenant = definition.tenantColumn.flatMap({ definition[column: $0] }) else {
      return nil
    }
    let owner = "pg_catalog.uuid_send(\(tenant.sql))"
    var conditions: [String] = []
    for (salt, members) in Dictionary(grouping: list, by: \.salt).sorted(by: { $0.key < $1.key }) {
      func condition(_ bytes: String, _ digests: [String]) {
        if digests.isEmpty { return }
        conditions.append(
          "pg_catalog.encode(pg_catalog.sha256('\(salt)'::pg_catalog.bytea || \(bytes)), 'hex') "
            + "<> ALL (ARRAY[\(digests.map { "'\($0)'" }.joined(separator: ", "))])")
      }
      condition(owner, members.filter { !$0.isUser }.map(\.digest))
      for name in definition.key where name != tenant.name {
        guard let column = definition[column: name], column.type == .uuid else { continue }
        condition(
          "\(owner) || pg_catalog.uuid_send(\(column.sql))", members.filter(\.isUser).map(\.digest))
      }
    }
    return conditions.isEmpty ? nil : conditions.joined(separator: " AND ")
  }
}

extension Column {
  /// The column without the values of some rows; it has to allow nulls.
  func clearing(_ rows: Set<Int>) -> Column {
    var builder = ColumnBuilder(field)
    for row in 0..<rowCount { builder.append(rows.contains(row) ? nil : value(row)) }
    return builder.finish()
  }
}
