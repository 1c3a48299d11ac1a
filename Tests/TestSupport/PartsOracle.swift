import Foundation
import Synchronization

/// Compares data directories with their sources by pyarrow, without a line of the program's code.
///
/// One Python answers all questions of a test run; see `Tests/Peers/extraction_peer.py`.
package final class PartsOracle: Sendable {
  /// What to compare.
  package struct Question: Encodable {
    /// Which of the rows that are held count.
    package enum View: String, Encodable {
      /// All of them.
      case rows
      /// Of each key the one recorded first.
      case first
      /// Of each key the version seen last, unless it was deleted since.
      case latest
    }

    /// How the rows that are held relate to the expected ones.
    package enum Relation: String, Encodable {
      /// They are the same.
      case equal
      /// None is missing; others may be there.
      case holds
      /// None is too many; some may be missing.
      case within
    }

    /// The data directory.
    package var data: String
    /// The dataset.
    package var dataset: String
    /// The columns of the key.
    package var key: [String]
    /// The columns of a line.
    package var columns: [String]
    /// The file of expected lines.
    package var expected: String
    /// Which rows count.
    package var view: View
    /// How they relate to what is expected.
    package var relation: Relation
    /// The column of the partition, where there is one.
    package var time: String?
    /// The column of the second clock.
    package var recorded: String?
    /// The cut, ISO 8601, whose state ``View/latest`` shows; the last one if `nil`.
    package var asof: String?
    /// Whether files are tolerated that the manifest does not list.
    package var stray: Bool
    /// Whether the source itself repeats keys within a transaction.
    package var repeats: Bool

    /// A question of the given parts.
    package init(
      data: String, dataset: String, key: [String], columns: [String], expected: String,
      view: View, relation: Relation, time: String?, recorded: String?,
      asof: String?, stray: Bool, repeats: Bool
    ) {
      self.data = data
      self.dataset = dataset
      self.key = key
      self.columns = columns
      self.expected = expected
      self.view = view
      self.relation = relation
      self.time = time
      self.recorded = recorded
      self.asof = asof
      self.stray = stray
      self.repeats = repeats
    }
  }

  /// What was found.
  package struct Answer: Decodable, Sendable {
    /// `equal`, or what is wrong.
    package var verdict: String
    /// The rows that count.
    package var held: Int
    /// The rows of a load that has not ended.
    package var loaded: Int
    /// The cut the dataset was read at, ISO 8601.
    package var cut: String?
  }

  /// The oracle of this test run.
  ///
  /// - Throws: ``PeersMissing`` if the run has no Python of the peers.
  package static func shared() throws -> PartsOracle { try started.get() }

  private static let started = Result { try PartsOracle() }

  private struct Channel: ~Copyable {
    let process: Process
    let questions: FileHandle
    let answers: FileHandle
  }

  private let channel: Mutex<Channel>

  private init() throws {
    guard let python = ProcessInfo.processInfo.environment["ALMANAC_TEST_PEERS"] else {
      throw PeersMissing()
    }
    let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Peers/extraction_peer.py")
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = URL(filePath: python)
    process.arguments = [script.path(percentEncoded: false)]
    process.standardInput = input
    process.standardOutput = output
    try withoutBlockedSignals { try process.run() }
    channel = Mutex(
      Channel(
        process: process, questions: input.fileHandleForWriting,
        answers: output.fileHandleForReading))
  }

  /// Asks one question.
  package func answer(_ question: Question) throws -> Answer {
    let line = try JSONEncoder().encode(question) + Data("\n".utf8)
    let reply: Data = try channel.withLock { channel in
      try channel.questions.write(contentsOf: line)
      var reply = Data()
      while reply.last != UInt8(ascii: "\n") {
        let piece = channel.answers.availableData
        guard !piece.isEmpty else { throw NeverHappened(what: "an answer of the peers") }
        reply += piece
      }
      return reply
    }
    return try JSONDecoder().decode(Answer.self, from: reply)
  }
}

/// The run has no Python with pyarrow: a test that needs it fails with this line.
package struct PeersMissing: Error, CustomStringConvertible {
  /// What to do.
  package let description =
    "ALMANAC_TEST_PEERS names no Python with pyarrow and DuckDB; run `make test`"
}
