/// The version of the program, as `almanac --version` prints it and the ledger records it.
package enum ProgramVersion {
  /// The version's number.
  package static let text = "0.1.0"
}
