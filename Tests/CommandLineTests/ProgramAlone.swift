import Files
import Foundation
import TestSupport

/// Runs the program in a folder; no environment is needed.
func almanacAlone(_ words: [String], in folder: URL) throws -> ProcessOutcome {
  try runProcess(try builtProgram(), words, environment: [:], in: folder)
}

/// Writes a text into a folder.
func writeText(_ text: String, _ name: String, in folder: URL) throws {
  try FileSystem.writeAtomically(
    Array(text.utf8), to: folder.appending(path: name).path(percentEncoded: false))
}
