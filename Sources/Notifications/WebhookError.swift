/// Why a message did not reach a webhook; the text names neither the address nor the message, since
/// either may hold a secret.
package enum WebhookError: Error, Hashable {
  /// Nobody answered; the reason is in libcurl's words.
  case unreachable(reason: String)
  /// No answer came in time; the message may have arrived.
  case unanswered
  /// The other side answered with a status that is no success.
  case refused(status: Int)

  /// Whether the same message may arrive a little later.
  package var isRetryable: Bool {
    switch self {
    case .unreachable, .unanswered: true
    case .refused(let status): status == 408 || status == 429 || status >= 500
    }
  }
}

extension WebhookError: CustomStringConvertible {
  /// One line.
  package var description: String {
    switch self {
    case .unreachable(let reason): "the webhook cannot be reached: \(reason)"
    case .unanswered: "the webhook did not answer in time"
    case .refused(let status): "the webhook answered with status \(status)"
    }
  }
}
