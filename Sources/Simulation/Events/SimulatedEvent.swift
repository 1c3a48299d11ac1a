package import AlmanacCore
package import Billing

/// An event of `app.events`, small enough that a company's whole history fits into memory.
package struct SimulatedEvent: Sendable {
  /// What the metadata hold.
  package enum Details: UInt8, Sendable {
    /// Nothing: null.
    case none
    /// How long a request took: duration, endpoint, method.
    case request
    /// What went wrong: error type, endpoint.
    case failure
    /// An amount with its currency and a payment channel.
    case money
    /// Hours to a retry, its propensity and whether it was randomised.
    case retry
    /// A score.
    case score
  }

  /// The identity; a repeated event has it twice.
  package let id: UUIDValue
  /// When it happened, in microseconds since 1970.
  package let happenedAt: Int64
  /// When it was recorded.
  package let recordedAt: Int64
  /// The kind, or `nil` for one that the contract does not know.
  package let type: EventType?
  /// The position of the user in the company.
  package let user: Int16?
  /// The position of the module in the catalogue.
  package let module: Int8?
  package let details: Details
  /// Amount, duration, hours or score.
  package let value: Int64
  /// Endpoint, channel or error type; for a retry 1 if randomised.
  package let code: UInt8
  /// Whether a value of the metadata cannot be read.
  package let isMalformed: Bool
  /// Whether the company is one that no table knows.
  package let isOfUnknownCompany: Bool
  /// When a repetition was recorded; `nil` where it was sent once.
  package let repeatedAt: Int64?
}

/// The words that metadata are made of.
enum EventWords {
  static let endpoints = [
    "/api/v1/records", "/api/v1/search", "/api/v1/reports", "/api/v1/calls", "/api/v1/agents",
    "/api/v1/users", "/api/v1/exports", "/login",
  ]
  static let methods = ["GET", "POST", "PUT", "DELETE"]
  static let errors = ["timeout", "validation", "conflict", "rate_limited", "internal"]
  static let channels = ["stripe", "bank_transfer", "paypal"]
}
