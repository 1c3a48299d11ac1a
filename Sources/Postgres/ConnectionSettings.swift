/// Where and as whom to connect.
///
/// Made from a libpq URI, a string of `keyword=value` pairs, `service=NAME`, or the empty string,
/// which leaves everything to the `PG*` variables, the service file and `.pgpass`.
package struct ConnectionSettings: Sendable {
  /// What the text gives, by libpq's keywords, in libpq's order.
  let options: [(keyword: String, value: String)]

  /// Settings read from a text.
  ///
  /// - Throws: `PostgresError.invalidConnectionString`, which does not repeat the text.
  package init(_ text: String) throws(PostgresError) {
    guard !text.utf8.contains(0) else { throw .invalidConnectionString }
    options = try parseConnectionText(text)
    guard options.allSatisfy({ isPlain($0.value, for: $0.keyword) }) else {
      throw .invalidConnectionString
    }
  }

  /// Whether the text itself holds a secret: a password of the user or of a key file.
  package var containsPassword: Bool {
    options.contains { ["password", "sslpassword"].contains($0.keyword) && !$0.value.isEmpty }
  }

  /// User, host, port and database such as `almanac@/run/shop:5432/shop`, never a secret.
  ///
  /// What the text leaves open is filled in from the environment as libpq does it.
  package var display: String {
    if let service = self["service"] { return "service \(service)" }
    let defaults = connectionDefaults()
    func value(_ keyword: String) -> String? { self[keyword] ?? defaults[keyword] }
    let user = value("user") ?? ""
    // As in libpq, an address in the text counts before a host of the environment.
    let host =
      self["host"] ?? self["hostaddr"] ?? defaults["host"] ?? defaults["hostaddr"]
      ?? "local socket"
    let database = value("dbname") ?? user
    return "\(user)@\(host):\(value("port") ?? "5432")/\(database)"
  }

  /// The role and the database that the text names, `nil` if it names no role.
  ///
  /// As in libpq, a database without a name has the role's. Neither the environment nor a service
  /// file is looked into: what grants rights has to be said.
  package var roleAndDatabase: (role: String, database: String)? {
    self["user"].map { role in (role, self["dbname"] ?? role) }
  }

  /// What the text gives for a keyword; an empty value counts as none.
  subscript(keyword: String) -> String? {
    options.last { $0.keyword == keyword && !$0.value.isEmpty }?.value
  }

  /// The parameters of a connection, of which the last one for a keyword counts.
  ///
  /// First come defaults, then what the text gives, then what must not be changed.
  package func parameters(
    applicationName: String
  ) -> [(keyword: String, value: String)] {
    var parameters = [(keyword: "fallback_application_name", value: applicationName)]
    // A service file may set these, and would be overruled by anything given here.
    if self["service"] == nil, connectionDefaults()["service"] == nil {
      parameters += [
        (keyword: "keepalives_idle", value: "30"), (keyword: "keepalives_interval", value: "10"),
        (keyword: "keepalives_count", value: "6"),
        // Keepalives do not notice a peer that is gone while bytes wait for its acknowledgement.
        (keyword: "tcp_user_timeout", value: "90000"),
      ]
      if connectionDefaults()["connect_timeout"] == nil {
        parameters.append((keyword: "connect_timeout", value: "10"))
      }
    }
    return parameters + options + [(keyword: "client_encoding", value: "UTF8")]
  }
}

/// Whether a value that messages show is what its keyword asks for, and no text with a secret.
///
/// A URI or a `password=` at the wrong place, such as within a name, would be shown as that name.
private func isPlain(_ value: String, for keyword: String) -> Bool {
  switch keyword {
  case "port":
    return value.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { port in
      port.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    }
  case "host", "hostaddr", "dbname", "user", "service":
    // A host may begin with @, that of an abstract socket; behind one stands the rest of a password.
    if keyword == "host", value.dropFirst().contains("@"), !value.hasPrefix("/") { return false }
    let isSecret = value.contains("=") && value.lowercased().contains("password")
    return !value.contains("://") && !isSecret
  default: return true
  }
}
