package import AlmanacCore
package import Postgres

/// What `almanac doctor` finds out about an installation, without changing anything.
///
/// Each part is looked at as far as the parts before let it be: without a connection nothing is said
/// of its tables, and what cannot be asked is a finding of its own.
package struct Diagnosis: Sendable {
  /// How a finding is to be taken.
  package enum Level: String, Sendable, CaseIterable {
    /// As it should be.
    case ok
    /// A night runs, but something is worth a look.
    case warning
    /// A night fails, or its results would be wrong.
    case error
  }

  /// One thing that was looked at.
  package struct Finding: Sendable, Equatable {
    /// What was looked at, such as `source rights`.
    package var check: String
    /// How it is to be taken.
    package var level: Level
    /// What was found, in one line without secrets.
    package var text: String
    /// The command or statement that mends it, `nil` where nothing is wrong.
    package var fix: String?
    /// The status that a program ends with where this is the worst of all.
    package var status: ExitStatus

    /// A finding of the given parts.
    package init(
      _ check: String, _ level: Level, _ text: String, fix: String? = nil,
      status: ExitStatus = .ok
    ) {
      self.check = check
      self.level = level
      self.text = text.split(whereSeparator: \.isNewline).joined(separator: " ")
      self.fix = fix
      self.status = status
    }
  }

  /// What is to be looked at.
  package struct Request {
    /// The folder with `pipelines`, `models` and `datasets`.
    package var projectPath: String
    /// The environment by name, for `${NAME}` in files.
    package var environment: [String: String]
    /// The database that is read.
    package var source: ConnectionSettings
    /// The database that is written.
    package var target: ConnectionSettings
    /// The folder of snapshots.
    package var dataPath: String
    /// Threads and connections of a run.
    package var jobs: Int
    /// The time by this machine.
    package var clock: () -> Timestamp
    /// Finds the rules of a time zone.
    package var zones: (String) -> ZoneRules?

    /// A request of the given parts.
    package init(
      projectPath: String, environment: [String: String], source: ConnectionSettings,
      target: ConnectionSettings, dataPath: String, jobs: Int,
      clock: @escaping () -> Timestamp, zones: @escaping (String) -> ZoneRules?
    ) {
      self.projectPath = projectPath
      self.environment = environment
      self.source = source
      self.target = target
      self.dataPath = dataPath
      self.jobs = jobs
      self.clock = clock
      self.zones = zones
    }
  }

  /// What was found, in the order in which it was looked at.
  package private(set) var findings: [Finding] = []

  /// A diagnosis with these findings.
  package init(findings: [Finding]) {
    self.findings = findings
  }

  /// Looks at everything.
  package init(_ request: Request) {
    let inspection = inspect(request)
    let datasets = inspection?.project.datasets ?? []
    if let source = connect(request.source, .source) {
      let side = Side(request.source, source, name: "source")
      examine(side, request)
      examineStandby(side)
      let readable = examineTables(side, datasets)
      if var inspection { resolve(&inspection, request, readable: readable) }
      if let project = inspection?.project {
        let definitions = datasets.filter { readable.contains($0.name) }
        examineIndexes(side, definitions)
        examineRates(side, definitions, project)
        examineEventTypes(side, definitions)
        examineZones(side, definitions, project, request.zones)
      }
    }
    if let target = connect(request.target, .target) {
      let side = Side(request.target, target, name: "target")
      examine(side, request)
      if examineSchema(side) {
        examineTargetRights(side)
        examineLedger(side, pipelines: inspection?.project.pipelines.map(\.name) ?? [])
      }
    }
    examineDisk(request)
  }

  /// The worst level found.
  package var level: Level {
    if findings.contains(where: { $0.level == .error }) { return .error }
    return findings.contains { $0.level == .warning } ? .warning : .ok
  }

  /// The number of findings of a level.
  package func count(_ level: Level) -> Int { findings.count { $0.level == level } }

  /// The status of the first error that trying again does not mend, else of the first error; warnings
  /// are no failure (DECISIONS.md, D-553).
  package var exitStatus: ExitStatus {
    let errors = findings.filter { $0.level == .error }
    return (errors.first { !$0.status.isRetryable } ?? errors.first)?.status ?? .ok
  }

  /// Adds a finding.
  mutating func add(
    _ check: String, _ level: Level, _ text: String, fix: String? = nil,
    status: ExitStatus = .configuration
  ) {
    findings.append(
      Finding(check, level, text, fix: fix, status: level == .error ? status : .ok))
  }

  /// Looks at one thing; what keeps it from being looked at becomes a finding.
  mutating func look(_ check: String, _ body: (inout Diagnosis) throws -> Void) {
    do {
      try body(&self)
    } catch let error as any ExitStatusConvertible {
      add(check, .error, error.description, status: error.exitStatus)
    } catch {
      add(check, .error, "unexpected fault (\(type(of: error)))", status: .internalError)
    }
  }
}

extension Diagnosis {
  /// One of the two databases, with an open connection.
  struct Side {
    let settings: ConnectionSettings
    let connection: Connection
    /// `source` or `target`.
    let name: String

    init(_ settings: ConnectionSettings, _ connection: Connection, name: String) {
      self.settings = settings
      self.connection = connection
      self.name = name
    }

    /// The role that is connected.
    func role() throws -> String {
      try connection.query("SELECT current_user AS name")[0, "name"] ?? ""
    }
  }

  /// Reads the definitions; `nil` where there are none.
  private mutating func inspect(_ request: Request) -> ProjectInspection? {
    var inspection: ProjectInspection?
    look("definitions") { diagnosis in
      let found = try ProjectInspection(
        path: request.projectPath, environment: request.environment, zones: request.zones)
      inspection = found
      let wrong = found.entries.filter { !$0.faults.isEmpty }
      for entry in wrong {
        diagnosis.add(
          "definitions", .error, "\(entry.kind) \(entry.name): \(entry.faults[0])",
          fix: "almanac check", status: entry.status)
      }
      if wrong.isEmpty {
        diagnosis.add(
          "definitions", .ok, "\(found.entries.count) files, each as it should be")
      }
    }
    return inspection
  }

  /// Holds the datasets against the source, as `almanac check` does, where they may be read at all.
  private mutating func resolve(
    _ inspection: inout ProjectInspection, _ request: Request, readable: Set<String>
  ) {
    var resolved = inspection
    look("source tables") { diagnosis in
      try resolved.resolve(against: request.source)
      let sound = Set(inspection.entries.filter { $0.faults.isEmpty }.map(\.name))
      var count = 0
      for entry in resolved.entries where entry.kind == "dataset" && sound.contains(entry.name) {
        guard readable.contains(entry.name) else { continue }
        if let fault = entry.faults.first {
          diagnosis.add(
            "source tables", .error, fault, fix: "$EDITOR datasets/\(entry.name).yaml",
            status: entry.status)
        } else if entry.notes.isEmpty {
          count += 1
        }
      }
      let absent = resolved.entries.flatMap(\.notes).count
      diagnosis.add(
        "source tables", .ok,
        "\(count) datasets fit their tables"
          + (absent > 0 ? ", \(absent) optional ones are not there" : ""))
    }
    inspection = resolved
  }

  /// Opens a connection; `nil` where that fails, which is a finding.
  private mutating func connect(
    _ settings: ConnectionSettings, _ purpose: Connection.Purpose
  ) -> Connection? {
    let name = purpose == .source ? "source" : "target"
    do throws(PostgresError) {
      let connection = try Connection(settings, purpose: purpose)
      add("\(name) connection", .ok, connection.display)
      return connection
    } catch {
      add(
        "\(name) connection", .error, error.description,
        fix: "psql --command 'SELECT 1' \"$ALMANAC_\(name == "source" ? "SOURCE" : "TARGET")\"",
        status: error.exitStatus)
      return nil
    }
  }
}
