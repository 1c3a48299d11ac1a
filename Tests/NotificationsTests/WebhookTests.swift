import Foundation
import TestSupport
import Testing

@testable import Notifications

@Suite("Webhooks")
struct WebhookTests {
  @Test(
    "are addresses of http and https",
    arguments: [
      ("https://hooks.example.com/services/T0/B0/x", true), ("http://127.0.0.1:8080", true),
      ("ftp://example.com/x", false), ("hooks.example.com", false), ("https://", false),
      ("https:///path", false), ("https://a b", false), ("file:///etc/passwd", false), ("", false),
      ("https://a\r\nX: y", false),
    ])
  func addresses(url: String, isOne: Bool) {
    #expect((Webhook(url) != nil) == isOne)
  }

  @Test("take a message as JSON, again while the other side is only busy")
  func retries() throws {
    let server = try WebhookServer()
    defer { server.stop() }
    let webhook = try #require(Webhook(server.url("/hush/x?y=1")))
    var pauses: [Int] = []
    server.answer([503, 429])
    try webhook.send(#"{"text":"ü"}"#, identity: "one") { pause in
      pauses.append(pause)
      return true
    }
    let requests = server.take()
    #expect(requests.count == 3)
    #expect(requests.allSatisfy { $0.line == "POST /hush/x?y=1 HTTP/1.1" })
    #expect(requests.allSatisfy { String(decoding: $0.body, as: UTF8.self) == #"{"text":"ü"}"# })
    #expect(requests.allSatisfy { $0.headers["idempotency-key"] == "one" })
    #expect(
      requests.allSatisfy { $0.headers["content-type"] == "application/json; charset=utf-8" })
    #expect(pauses == Webhook.pauses)

    // What is wrong stays wrong, and whoever waits may give up.
    server.answer([404])
    #expect(throws: WebhookError.refused(status: 404)) {
      try webhook.send("{}", identity: "two") { _ in true }
    }
    server.answer([500])
    #expect(throws: WebhookError.refused(status: 500)) {
      try webhook.send("{}", identity: "three") { _ in false }
    }
    #expect(server.take().count == 2)
    // A redirection could lead anywhere.
    server.answer([302])
    #expect(throws: WebhookError.refused(status: 302)) {
      try webhook.send("{}", identity: "four") { _ in true }
    }
    #expect(server.take().count == 1)
  }

  @Test("that nobody listens on are unreachable, in words without the address")
  func unreachable() throws {
    let server = try WebhookServer()
    let webhook = try #require(Webhook(server.url("/hush")))
    server.stop()
    var tries = 0
    let error = #expect(throws: WebhookError.self) {
      try webhook.send("{}", identity: "one") { _ in
        tries += 1
        return true
      }
    }
    #expect(tries == 2)
    let text = try #require(error).description
    #expect(text.contains("cannot be reached") && !text.contains("hush"), "\(text)")
    #expect(!text.contains("127.0.0.1"))
  }
}
