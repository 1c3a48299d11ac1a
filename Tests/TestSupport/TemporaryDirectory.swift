package import Foundation

/// Runs `body` with an empty directory, which is removed afterwards with all it holds.
package func withTemporaryDirectory<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let directory = try makeTemporaryDirectory()
  defer { try? FileManager.default.removeItem(at: directory) }
  return try body(directory)
}

/// An empty directory with a short path, so that a socket fits into it.
private func makeTemporaryDirectory() throws -> URL {
  let directory = FileManager.default.temporaryDirectory
    .appending(path: "almanac-\(UUID().uuidString.prefix(13))")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  return directory
}
