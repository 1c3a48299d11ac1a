import AlmanacCommands
import Testing

@Suite("Sparklines")
struct SparklineTests {
  @Test("the lowest and the highest value have the lowest and the highest bar")
  func ends() {
    #expect(Sparkline.text([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█")
    #expect(Sparkline.text([9, -3, 3]) == "█▁▅")
    #expect(Sparkline.text([1e308, -1e308]) == "█▁")
  }

  @Test("equal values are of middle height, and unknown ones are spaces")
  func flat() {
    #expect(Sparkline.text([4, 4, 4]) == "▄▄▄")
    #expect(Sparkline.text([1, nil, 2, .nan]) == "▁ █ ")
    #expect(Sparkline.text([nil, nil]) == "  ")
    #expect(Sparkline.text([]) == "")
  }

  @Test("a cell shows its value and those before, twelve at most")
  func trailing() {
    #expect(Sparkline.trailing([1, 2, 3]) == ["▄", "▁█", "▁▅█"])
    let long = Sparkline.trailing((0..<40).map { Double($0) })
    #expect(long.map(\.count) == (1...12).map { $0 } + Array(repeating: 12, count: 28))
  }
}
