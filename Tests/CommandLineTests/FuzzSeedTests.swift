import Foundation
import TestSupport
import Testing

/// The inputs with which the fuzzers begin, in the build of the tests.
@Suite("Seeds of the fuzzers")
struct FuzzSeedTests {
  @Test("keep the laws of each target", arguments: ["copy-decoder", "parquet"])
  func seeds(target: String) throws {
    let result = try runProcess(builtProgram("almanac-fuzz"), [target, "unused"])
    #expect(result.status == 0, "\(result.stderr)")
    #expect(result.stdout.hasSuffix("inputs are well\n"))
    let count = result.stdout.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    #expect(count ?? 0 > 10, "\(result.stdout)")
  }

  @Test("name the targets there are where one is unknown")
  func unknownTarget() throws {
    let result = try runProcess(builtProgram("almanac-fuzz"), ["csv", "unused"])
    #expect(result.status == 64)
    #expect(result.stdout.contains("copy-decoder, parquet"))
  }
}
