import Files
import Glibc

/// Runs a target of the fuzzer: `almanac-fuzz TARGET FOLDER [OPTION | INPUT]…`.
///
/// Built with `-sanitize=fuzzer -D FUZZING` it looks for inputs by the branches that they reach,
/// beginning with those in FOLDER, where it also keeps what it finds; options and further inputs
/// are libFuzzer's. Built without, it checks the seeds and the inputs.
@main
enum AlmanacFuzz {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count >= 3,
      let target = FuzzTarget.all.first(where: { $0.name == arguments[1] })
    else {
      let names = FuzzTarget.all.map(\.name).joined(separator: ", ")
      print("usage: almanac-fuzz TARGET FOLDER [OPTION | INPUT]…, with TARGET one of \(names)")
      exit(64)
    }
    let seeds = try target.seeds()
    for seed in seeds { target.check(seed) }
    #if FUZZING
      try FileSystem.createDirectories(arguments[2])
      for (index, seed) in seeds.enumerated() {
        try FileSystem.write(seed, to: "\(arguments[2])/seed-\(index)")
      }
      exit(fuzz(arguments.dropFirst(3) + [arguments[2]], target.check))
    #else
      for input in arguments.dropFirst(3) { target.check(try FileSystem.read(input)) }
      print("\(target.name): \(seeds.count + arguments.count - 3) inputs are well")
    #endif
  }
}
