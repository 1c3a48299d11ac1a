import Glibc

extension FileSystem {
  /// Writes a line of results to standard output.
  ///
  /// - Throws: ``FileError`` where the stream is closed, the disk is full, or, in a process that
  ///   ignores SIGPIPE, nobody reads any more; elsewhere that signal ends the process.
  package static func writeResult(_ line: String) throws(FileError) {
    let path = "standard output"
    // The copy is closed when it goes, the stream itself stays open.
    let copy = dup(STDOUT_FILENO)
    guard copy >= 0 else { throw .system(operation: .write, path: path, code: errno) }
    let bytes = Array((line + "\n").utf8)
    try SystemCalls.write(bytes.span, to: FileDescriptor(number: copy), path: path)
  }

  /// Writes a line about the work to standard error; where that fails nobody is left to be told.
  package static func writeRemark(_ line: String) { writeRemarkPart(line + "\n") }

  /// Writes a part of a line, such as a progress line without its end, to standard error.
  ///
  /// What cannot be written is lost.
  package static func writeRemarkPart(_ text: String) {
    let bytes = Array(text.utf8)
    SystemCalls.writeAll(bytes.span, to: STDERR_FILENO)
  }

  /// Takes the numbers of standard input, output and error where the caller has closed them.
  ///
  /// Otherwise the next file or connection to be opened would get such a number, and output would
  /// go there. What stands in refuses to be read or written, as a closed stream does. Call this
  /// before anything is opened.
  package static func reserveStandardStreams() throws(FileError) {
    for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
    where fcntl(number, F_GETFD) < 0 && errno == EBADF {
      let access = number == STDIN_FILENO ? O_WRONLY : O_RDONLY
      let null = try SystemCalls.open("/dev/null", access)
      // The lowest free number is the one wanted, but it is closed with its owner; the copy is not.
      let copy = fcntl(null.number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
      guard copy >= 0 else { throw .system(operation: .open, path: "/dev/null", code: errno) }
      _ = consume null
      _ = dup2(copy, number)
      _ = close(copy)
    }
  }
}
