import AlmanacCore

/// Runs the parts a command line names, prints one table and writes each part's figures as JSON.
struct BenchmarkProgram {
  /// The arguments after the program's name.
  let arguments: [String]

  /// The exit status: 0, 1 when a figure misses its target, else that of the failure.
  func run() -> Int32 {
    do {
      if arguments.first == ReadBack.command {
        try ReadBack.printResult(Array(arguments.dropFirst()))
        return 0
      }
      if arguments.first == NightProcess.command {
        try NightProcess.printResult(Array(arguments.dropFirst()))
        return 0
      }
      if arguments.first == ProgramRun.command {
        try ProgramRun.printResult(Array(arguments.dropFirst()))
        return 0
      }
      if arguments.first == PublishReadersBenchmark.command {
        try PublishReadersBenchmark.publish(Array(arguments.dropFirst()))
        return 0
      }
      let options = try BenchmarkOptions(arguments)
      let workload = EventWorkload(options: options)
      var figures: [Figure] = []
      for part in options.parts {
        let found =
          switch part {
          case .extract: try ExtractBenchmark(options: options, workload: workload).run()
          case .night: try NightBenchmark(options: options, workload: workload).run()
          case .rollup: try RollupBenchmark(options: options, workload: workload).run()
          case .late: try LateBenchmark(options: options, workload: workload).run()
          case .forecast:
            try CompetitionBenchmark(options: options).run()
              + RetailBenchmark(folder: CompetitionBenchmark.folder).run()
              + DailyBenchmark(options: options).run()
              + ForecastBenchmark(runs: options.runs).run()
          case .regression: try RegressionBenchmark(options: options).run()
          case .risk: try RiskBenchmark(options: options).run()
          case .riskGrowth: try RiskGrowth(options: options).run()
          case .riskSimulations: try RiskSimulations(options: options).run()
          case .simulate: try SimulateBenchmark(options: options).run()
          case .runner: try RunnerBenchmark(options: options).run()
          case .query: try QueryBenchmark(options: options).run()
          case .publishSwitch: try PublishSwitchBenchmark(options: options).run()
          case .publishReaders: try PublishReadersBenchmark(options: options).run()
          case .publishReads: try PublishReadsBenchmark(options: options).run()
          }
        try Report(rows: options.rows, runs: options.runs, figures: found)
          .write(to: "\(options.folder)/\(part.rawValue).json")
        figures += found
      }
      print(Report(rows: options.rows, runs: options.runs, figures: figures).table)
      return figures.contains { $0.verdict == .miss } ? 1 : 0
    } catch let error as any ExitStatusConvertible {
      note("almanac-bench: \(error.description)")
      return error.exitStatus.rawValue
    } catch {
      note("almanac-bench: \(error)")
      return ExitStatus.internalError.rawValue
    }
  }
}
