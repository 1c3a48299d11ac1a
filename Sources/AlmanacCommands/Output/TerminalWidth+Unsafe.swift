import Glibc

/// The columns of the terminal behind standard error, or `nil` where there is none.
func terminalWidth() -> Int? {
  var size = winsize()
  // The call writes into `size` and keeps no pointer to it.
  guard unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
    return nil
  }
  return Int(size.ws_col)
}
