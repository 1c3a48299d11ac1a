/// Code that takes bytes from outside and must bear any of them.
///
/// A target is a file of this folder and an entry of ``all``.
struct FuzzTarget: Sendable {
  /// The name that `make fuzz TARGET=…` gives.
  let name: String
  /// Inputs to begin with, from which others are made by changing them.
  let seeds: @Sendable () throws -> [[UInt8]]
  /// Checks the laws of the target for one input; ends the process if one is broken.
  let check: @Sendable ([UInt8]) -> Void

  /// Every target.
  static let all = [FuzzTarget.copyDecoder, .parquet]
}
