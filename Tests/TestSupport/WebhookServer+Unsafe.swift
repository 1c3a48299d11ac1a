package import Foundation
import Glibc
import Synchronization

/// A small HTTP server on the loopback interface that keeps what it is sent.
package final class WebhookServer: Sendable {
  /// One request.
  package struct Request: Sendable {
    /// The first line, such as `POST /x HTTP/1.1`.
    package var line: String
    /// The header fields by their names in small letters.
    package var headers: [String: String]
    /// The body.
    package var body: Data

    /// The body as a JSON object.
    package var object: [String: Any] {
      ((try? JSONSerialization.jsonObject(with: body)) as? [String: Any]) ?? [:]
    }
  }

  private struct State {
    var requests: [Request] = []
    var statuses: [Int] = []
    var isStopped = false
  }

  private let listener: Int32
  private let state = Mutex(State())
  /// The port it listens on.
  package let port: Int

  /// Starts a server; it ends with the process or ``stop()``.
  package init() throws {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe bind(socket, generic, length) == 0 && listen(socket, 8) == 0
          && getsockname(socket, generic, &length) == 0
      }
    }
    guard socket >= 0, isListening else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
    listener = socket
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { self.serve() }
  }

  /// The address of a path of the server.
  package func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

  /// What came since the last call, in order.
  package func take() -> [Request] {
    state.withLock { state in
      defer { state.requests = [] }
      return state.requests
    }
  }

  /// Answers the next requests with these statuses, later ones with 200.
  package func answer(_ statuses: [Int]) {
    state.withLock { $0.statuses = statuses }
  }

  /// Ends the server: nobody listens on its port any more.
  ///
  /// The thread that serves closes the socket: closed here, its number could be that of another
  /// file before the thread, or a second call, uses it.
  package func stop() {
    state.withLock { state in
      guard !state.isStopped else { return }
      state.isStopped = true
      shutdown(listener, Int32(SHUT_RDWR))
    }
  }

  private func serve() {
    while true {
      let connection = accept(listener, nil, nil)
      guard connection >= 0 else {
        if state.withLock(\.isStopped) { break }
        continue
      }
      defer { close(connection) }
      guard let request = Self.read(connection) else { continue }
      let status = state.withLock { state in
        state.requests.append(request)
        return state.statuses.isEmpty ? 200 : state.statuses.removeFirst()
      }
      let answer = "HTTP/1.1 \(status) Said\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
      let bytes = Array(answer.utf8)
      _ = unsafe bytes.withUnsafeBytes {
        unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
    }
    close(listener)
  }

  /// Reads a request whose length is given.
  private static func read(_ connection: Int32) -> Request? {
    var data = Data()
    let separator = Data("\r\n\r\n".utf8)
    while true {
      if let end = data.range(of: separator) {
        let head = String(decoding: data[..<end.lowerBound], as: UTF8.self)
          .components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in head.dropFirst() {
          let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
          if parts.count == 2 {
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
          }
        }
        let body = data[end.upperBound...]
        if body.count >= headers["content-length"].flatMap({ Int($0) }) ?? 0 {
          return Request(line: head[0], headers: headers, body: Data(body))
        }
      }
      var buffer = [UInt8](repeating: 0, count: 16_384)
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe recv(connection, $0.baseAddress, $0.count, 0)
      }
      guard count > 0 else { return nil }
      data.append(contentsOf: buffer[..<count])
    }
  }
}
