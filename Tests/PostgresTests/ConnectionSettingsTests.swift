import AlmanacCore
import Postgres
import TestSupport
import Testing

@Suite("ConnectionSettings")
struct ConnectionSettingsTests {
  @Test(
    "finds a password given in clear",
    arguments: [
      ("postgresql://almanac:secret@db/shop", true), ("postgresql://db/shop?password=x", true),
      ("host=db password=x", true), ("host=db sslpassword=x", true),
      ("host=db password=''", false), ("postgresql://almanac@db/shop", false),
      ("postgresql://db/password", false), ("service=shop", false), ("", false),
      ("host=db passfile=/x", false),
    ])
  func passwords(text: String, isClear: Bool) throws {
    #expect(try ConnectionSettings(text).containsPassword == isClear)
  }

  @Test("shows where it leads, never a secret")
  func display() throws {
    let texts = [
      "postgresql://almanac:hunter2@db.example:5433/shop?sslpassword=hunter2",
      "host=/tmp/x port=5432 user=almanac dbname=shop password=hunter2",
    ]
    #expect(
      try texts.map { try ConnectionSettings($0).display } == [
        "almanac@db.example:5433/shop", "almanac@/tmp/x:5432/shop",
      ])
    #expect(
      try ConnectionSettings("hostaddr=127.0.0.1 user=a dbname=b port=1").display
        == "a@127.0.0.1:1/b")
    #expect(try ConnectionSettings("service=nightly").display == "service nightly")
  }

  @Test("notices a peer that is gone, unless the text says how or a service may")
  func keepalives() throws {
    func value(_ keyword: String, _ text: String) throws -> String? {
      try ConnectionSettings(text).parameters(applicationName: "a")
        .last { $0.keyword == keyword }?.value
    }
    for (keyword, given) in [
      ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "6"),
      ("tcp_user_timeout", "90000"), ("connect_timeout", "10"),
    ] {
      #expect(try value(keyword, "host=db") == given)
      #expect(try value(keyword, "host=db \(keyword)=7") == "7")
      #expect(try value(keyword, "postgresql://db/shop?\(keyword)=0") == "0")
      #expect(try value(keyword, "service=nightly") == nil)
    }
    #expect(try value("keepalives", "host=db") == nil, "on by default")
    #expect(try value("keepalives", "host=db keepalives=0") == "0")
    #expect(try value("client_encoding", "host=db client_encoding=LATIN1") == "UTF8")
  }

  @Test(
    "refuses a text that is no connection string without repeating it",
    arguments: [
      "hunter2", "host=db hunter2", "postgresql://db:hunter2/shop/x?y", "hunter2=1",
      "host='hunter2", "host=a\0hunter2",
      "dbname='postgresql://u:hunter2@/shop'", "dbname=x?password=hunter2",
      "postgresql://u@h:hunter2/shop", "postgresql://u@h:5432,h2:hunter2/shop",
      "dbname='user=x password = hunter2'", "host=x@hunter2",
    ])
  func invalid(text: String) {
    let error = #expect(throws: PostgresError.invalidConnectionString) {
      try ConnectionSettings(text)
    }
    #expect(error?.exitStatus == .usage)
    #expect(error.map { !"\($0) \($0.debugDescription)".contains("hunter2") } ?? false)
  }
}

@Suite("Names and literals", .database)
struct QuotingTests {
  @Test("reads a name with its schema")
  func qualifiedNames() {
    #expect(QualifiedName("app.events")?.quoted == "\"app\".\"events\"")
    #expect(QualifiedName("\"My App\".\"a.\"\"b\"")?.quoted == "\"My App\".\"a.\"\"b\"")
    #expect(QualifiedName("App.Events")?.description == "App.Events")
    for text in ["", "events", ".events", "app.", "a.b.c", "a.\"b", "a b.c", "a.\"\"", "a;.b"] {
      #expect(QualifiedName(text) == nil, "\(text)")
    }
  }

  @Test(
    "writes literals and identifiers that the server reads back",
    arguments: ["plain", "it's", "a\\'b\\", "\"x\"", "ü€𝄞", "'", "\n\t;--", "e\u{301}'"])
  func quoting(text: String) throws {
    let connection = try TestDatabase.current.connect()
    #expect(try connection.query("SELECT \(quoteLiteral(text))")[0, 0] == text)
    try connection.run("SET standard_conforming_strings = off")
    #expect(try connection.query("SELECT \(quoteLiteral(text))")[0, 0] == text)
    #expect(try connection.query("SELECT 1 AS \(quoteIdentifier(text))").columns == [text])
  }
}
