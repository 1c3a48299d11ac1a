package import AlmanacCore

/// What a run did.
package struct RunReport: Sendable {
  /// The run's identifier; of a night that was finished already, the run that finished it.
  package var run: String
  /// The pipeline's name.
  package var pipeline: String
  /// The logical date.
  package var date: CalendarDate
  /// Whether the night was finished already and nothing was done.
  package var wasFinished = false
  /// When the finished night ended, in words.
  package var finishedAt: String?
  /// The stages that ran, in order.
  package var stages: [StageReport] = []
  /// What a person should know.
  package var notices: [String] = []

  /// What to say about earlier runs that ended without a word.
  static func notices(crashed: Int) -> [String] {
    switch crashed {
    case 0: []
    case 1: ["an earlier run ended without a word; what it had not finished is done now"]
    default: ["\(crashed) earlier runs ended without a word; what is left of them is done now"]
    }
  }

  /// One stage of a run.
  package struct StageReport: Sendable {
    package var name: String
    package var outcome: StageOutcome
    package var seconds: Double
  }
}

/// Where a run is, for those who tell lines of several runs apart.
package struct RunPosition: Sendable, Equatable {
  /// The run's identifier, `nil` before it has one.
  package var run: String?
  /// The stages at work, in the run's order; none between stages.
  package var stages: [Stage] = []
  /// The numbers of the stages that have ended.
  package var finished: Set<Int> = []
  /// The seconds that each stage of the run takes by the last runs, `nil` where none tells.
  package var usualSeconds: [Double?] = []
  /// The stage whose error ends the run, `nil` as long as it goes on.
  package var endedBy: String?

  /// A stage at work.
  package struct Stage: Sendable, Hashable {
    /// Its name.
    package var name: String
    /// Its number among the stages of the run, from 1.
    package var number: Int

    /// A stage of the given name and number.
    package init(name: String, number: Int) {
      self.name = name
      self.number = number
    }
  }

  /// A position of the given parts.
  package init(
    run: String? = nil, stages: [Stage] = [], finished: Set<Int> = [], usualSeconds: [Double?] = []
  ) {
    self.run = run
    self.stages = stages
    self.finished = finished
    self.usualSeconds = usualSeconds
  }
}
