import AlmanacCommands
import Pipelines
import Testing

@Suite("The line of the stage at work")
struct StageProgressTextTests {
  private func line(
    _ number: Int, _ usual: [Double?], seconds: Double, width: Int = 79
  ) -> String? {
    let stage = RunPosition.Stage(name: "rollup", number: number)
    let position = RunPosition(
      run: "r", stages: [stage], finished: Set(1..<number), usualSeconds: usual)
    let before = usual.prefix(number - 1).reduce(0) { $0 + ($1 ?? 0) }
    return StageProgressText(position, seconds: [stage: seconds], sinceStart: before + seconds)
      .line(width: width)
  }

  @Test("has a bar and the time left where all stages have run before")
  func whole() {
    #expect(
      line(2, [10, 20, 10], seconds: 10)
        == "[##########----------] 2 of 3 rollup, 10 s, about 20 s left")
    // A stage that takes longer than ever is not more than done.
    #expect(
      line(2, [10, 20, 10], seconds: 500)
        == "[###############-----] 2 of 3 rollup, 500 s, about 10 s left")
    #expect(line(3, [10, 20, 0.5], seconds: 90) == "[####################] 3 of 3 rollup, 90 s")
  }

  @Test("counts the stages where some have not")
  func unknown() {
    #expect(line(1, [nil, 3], seconds: 4.7) == "1 of 2 rollup, 4 s")
    #expect(line(1, [0, 0], seconds: 0) == "1 of 2 rollup, 0 s")
  }

  @Test("fits into a narrow terminal, and is none between stages")
  func narrow() {
    #expect(
      line(2, [10, 20, 10], seconds: 10, width: 45) == "[##########----------] 2 of 3 rollup, 10 s")
    #expect(line(2, [10, 20, 10], seconds: 10, width: 12)?.count == 12)
    #expect(StageProgressText(RunPosition(run: "r"), seconds: [:], sinceStart: 3).line() == nil)
  }

  @Test("names all stages at work, and goes by the pace of this run")
  func several() {
    let (rollup, metrics) = (
      RunPosition.Stage(name: "rollup", number: 2), RunPosition.Stage(name: "metrics", number: 3)
    )
    let position = RunPosition(
      run: "r", stages: [rollup, metrics], finished: [1], usualSeconds: [10, 20, 20, 10])
    // 30 of 60 seconds' work are done in 20.
    #expect(
      StageProgressText(position, seconds: [rollup: 10, metrics: 10], sinceStart: 20).line()
        == "[##########----------] 2+3 of 4 rollup, metrics, 10 s, about 20 s left")
  }
}
