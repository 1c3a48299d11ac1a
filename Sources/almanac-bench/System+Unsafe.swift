import FoundationEssentials
import Glibc

/// Runs other programs through the shell.
enum Shell {
  /// Runs a command line to its end.
  ///
  /// - Throws: ``BenchmarkError/commandFailed(program:status:)`` for any status but 0.
  static func run(_ line: String, program: String) throws(BenchmarkError) {
    let status = unsafe system(line)
    guard status == 0 else {
      throw .commandFailed(program: program, status: status > 255 ? status >> 8 : status)
    }
  }

  /// A word that the shell takes as it is.
  static func quoted(_ word: String) -> String {
    "'" + word.replacing("'", with: "'\\''") + "'"
  }
}

/// Makes or replaces a file.
///
/// - Throws: ``BenchmarkError/cannotWrite(path:)``.
func writeFile(_ bytes: [UInt8], to path: String) throws(BenchmarkError) {
  let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
  guard descriptor >= 0 else { throw .cannotWrite(path: path) }
  defer { close(descriptor) }
  var rest = bytes[...]
  while !rest.isEmpty {
    let written = unsafe rest.withUnsafeBytes { buffer in
      unsafe write(descriptor, buffer.baseAddress, buffer.count)
    }
    guard written > 0 else { throw .cannotWrite(path: path) }
    rest = rest.dropFirst(written)
  }
}

/// Writes a line to standard error: what goes on, or what went wrong.
func note(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
