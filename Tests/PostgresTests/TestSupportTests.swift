import Foundation
import Postgres
import TestSupport
import Testing

@Suite("TestSupport")
struct TestSupportTests {
  @Test("runs a program with arguments, environment and directory, and keeps its output apart")
  func processes() throws {
    try withTemporaryDirectory { directory in
      let outcome = try runProcess(
        URL(filePath: "/bin/sh"),
        ["-c", "echo \"$NAME $1\"; pwd; echo wrong >&2; exit 66", "sh", "a b"],
        environment: ["NAME": "almanac"], in: directory)
      #expect(outcome.status == 66)
      #expect(outcome.stdout.hasPrefix("almanac a b\n"))
      #expect(outcome.stdout.contains(directory.lastPathComponent))
      #expect(outcome.stderr == "wrong\n")
    }
  }

  @Test("takes more output than a pipe holds, and reports a signal as a shell does")
  func largeOutput() throws {
    let shell = URL(filePath: "/bin/sh")
    let large = try runProcess(shell, ["-c", "head -c 1000000 /dev/zero | tr '\\0' x"])
    #expect(large.stdout.utf8.count == 1_000_000)
    #expect(try runProcess(shell, ["-c", "kill -TERM $$"]).status == 143)
  }

  @Test("removes temporary directories even after an error")
  func temporaryDirectories() {
    var path = ""
    #expect(throws: TestFailure.self) {
      try withTemporaryDirectory { directory in
        path = directory.path
        try Data([1]).write(to: directory.appending(path: "file"))
        throw TestFailure()
      }
    }
    #expect(!path.isEmpty && !FileManager.default.fileExists(atPath: path))
  }

  @Test("compares numbers by relative or absolute tolerance")
  func closeness() {
    #expect(isClose(1e9, 1e9 + 1, relative: 1e-8))
    #expect(!isClose(1e9, 1e9 + 100, relative: 1e-8))
    #expect(isClose(0, 1e-12, absolute: 1e-11) && !isClose(0, 1e-12, relative: 0.5))
    #expect(isClose(.infinity, .infinity) && !isClose(.infinity, 1, relative: 1))
    #expect(!isClose(.nan, .nan, relative: 1, absolute: 1))
  }

  @Test("gives parallel tests databases of their own", .database, arguments: 0..<4)
  func databases(number: Int) throws {
    let connection = try TestDatabase.current.connect()
    try connection.run("CREATE TABLE public.mine AS SELECT \(number) AS number")
    #expect(try connection.query("SELECT number FROM public.mine")[0, 0] == String(number))
    #expect(
      try connection.query("SELECT current_database()")[0, 0] == TestDatabase.current.name)
  }
}
