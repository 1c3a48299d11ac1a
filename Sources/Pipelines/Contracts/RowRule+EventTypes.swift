import Billing

extension RowRule {
  /// The names of the kinds of event that the source contract knows, as bytes.
  static let knownEventTypes = Set(EventType.knownNames.map { Array($0.utf8) })
}
