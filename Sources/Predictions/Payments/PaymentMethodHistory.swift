package import AlmanacCore
import Billing

/// A payment method with what was known of it, and from when on.
package struct PaymentMethodHistory: Hashable, Sendable {
  /// What may change of a method, as one version of its row says it.
  package struct Version: Hashable, Sendable {
    /// From when on it was known: the cut that first saw it.
    package var knownFrom: Timestamp
    /// The instant from which on a card has expired; `nil` where nothing expires.
    package var expiresAt: Timestamp?
    /// Whether it may be charged.
    package var isActive: Bool
    /// Whether it is the one that is charged unless another is chosen.
    package var isDefault: Bool

    /// A version of the given parts.
    package init(
      knownFrom: Timestamp, expiresAt: Timestamp?, isActive: Bool = true, isDefault: Bool = false
    ) {
      self.knownFrom = knownFrom
      self.expiresAt = expiresAt
      self.isActive = isActive
      self.isDefault = isDefault
    }
  }

  /// The method.
  package var id: UUIDValue
  /// Whose it is.
  package var company: UUIDValue
  /// When it was recorded.
  package var recordedAt: Timestamp
  /// What never changes under one identifier, such as `type` and `brand` (DECISIONS.md, D-537).
  package var attributes: [String: String]
  /// What does, by ``Version/knownFrom``; at least one.
  package var versions: [Version]

  /// A method of the given parts.
  package init(
    id: UUIDValue, company: UUIDValue, recordedAt: Timestamp, attributes: [String: String],
    versions: [Version]
  ) {
    precondition(!versions.isEmpty, "a method without a version")
    self.id = id
    self.company = company
    self.recordedAt = recordedAt
    self.attributes = attributes
    self.versions = versions.sorted { $0.knownFrom < $1.knownFrom }
  }

  /// The columns of `payment_methods` that tell methods apart and never change.
  package static let fixedColumns = ["type", "provider", "brand", "funding", "issuer_country"]

  /// The name of ``attributes`` that a network's limits go by.
  package static let brand = "brand"

  /// What was known before an instant; `nil` where nothing was.
  package func version(knownBefore instant: Timestamp) -> Version? {
    versions.last { $0.knownFrom < instant }
  }

  /// The instant from which on a card is expired that says a month and year; `nil` for no month.
  package static func expiry(month: Int?, year: Int?) -> Timestamp? {
    guard let month, let year, (1...12).contains(month), (1970...9_000).contains(year),
      let first = CalendarDate("\(year)-\(month < 10 ? "0" : "")\(month)-01")
    else { return nil }
    return first.monthStart(adding: 1).startUTC
  }
}
