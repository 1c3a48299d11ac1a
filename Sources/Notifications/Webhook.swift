/// An address that takes messages over HTTP.
package struct Webhook: Hashable, Sendable {
  /// The address; it may hold a secret, so it is never printed.
  let url: String

  /// Milliseconds that one attempt may take, and those of them until there is a connection.
  static let patience: (whole: Int, connection: Int) = (10_000, 5_000)
  /// Milliseconds before the second and the third attempt.
  static let pauses = [500, 2_000]

  /// A webhook at an address of http or https; `nil` if it is none.
  package init?(_ url: String) {
    let rest: Substring
    if url.hasPrefix("https://") {
      rest = url.dropFirst(8)
    } else if url.hasPrefix("http://") {
      rest = url.dropFirst(7)
    } else {
      return nil
    }
    let isPlain = url.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    guard isPlain, let first = rest.first, first != "/" else { return nil }
    self.url = url
  }

  /// Sends a message, again after a pause where that may help; at most three times.
  ///
  /// - Parameters:
  ///   - body: the message as JSON.
  ///   - identity: what tells a message that arrives twice from two messages; it is sent as
  ///     `Idempotency-Key`.
  ///   - pause: waits so many milliseconds; `false` gives up.
  /// - Throws: the ``WebhookError`` of the last attempt.
  package func send(
    _ body: String, identity: String, pause: (Int) -> Bool
  ) throws(WebhookError) {
    for milliseconds in Webhook.pauses {
      do throws(WebhookError) {
        try post(body, identity: identity)
        return
      } catch {
        // Whoever is slow to answer may have taken the message.
        guard error.isRetryable, error != .unanswered, pause(milliseconds) else { throw error }
      }
    }
    try post(body, identity: identity)
  }

  private func post(_ body: String, identity: String) throws(WebhookError) {
    let status = try Exchange.post(
      url, body,
      headers: ["Content-Type: application/json; charset=utf-8", "Idempotency-Key: \(identity)"])
    guard (200...299).contains(status) else { throw .refused(status: status) }
  }
}
