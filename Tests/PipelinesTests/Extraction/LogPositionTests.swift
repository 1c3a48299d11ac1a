import AlmanacCore
import Testing

@testable import Pipelines

@Suite("Positions of a log")
struct LogPositionTests {
  @Test("are read as the server prints them, and printed so")
  func texts() throws {
    for text in ["0/0", "0/3000028", "16/B374D848", "FFFFFFFF/FFFFFFFF"] {
      #expect(try #require(LogPosition(text)).description == text)
    }
    for text in ["", "0", "/", "0/", "/0", "0/0/0", "g/0", "0/100000000", "-1/0"] {
      #expect(LogPosition(text) == nil, "\(text)")
    }
  }

  @Test("are in the order of their bytes, not of their digits")
  func order() throws {
    let ordered = try ["0/9", "0/10", "0/FFFFFFFF", "1/0", "9/FF", "10/1"].map {
      try #require(LogPosition($0))
    }
    #expect(ordered.sorted() == ordered && Set(ordered).count == ordered.count)
  }
}

@Suite("Chunks of a load")
struct LoadSettingsTests {
  @Test("are so many that a few connections lose little, and cover the table")
  func count() {
    for blocks in [1_024, 1_025, 5_000, 16_384, 16_385, 100_000, 1_000_000, 50_000_000] {
      let length = LoadSettings().length(blocks: blocks)
      let count = (blocks + length - 1) / length
      #expect(count <= 256 && length * count >= blocks, "\(blocks)")
      // Rounding the length up makes the number a little smaller.
      #expect(count >= 60, "\(blocks)")
      #expect(blocks < 65_536 || count >= 250, "\(blocks)")
    }
    #expect(LoadSettings().length(blocks: 1) == 1)
  }
}
