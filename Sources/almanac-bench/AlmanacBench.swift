import Glibc

/// The entry point of the benchmarks.
@main
struct AlmanacBench {
  static func main() {
    exit(BenchmarkProgram(arguments: Array(CommandLine.arguments.dropFirst())).run())
  }
}
