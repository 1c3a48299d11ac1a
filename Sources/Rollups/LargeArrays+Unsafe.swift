import Glibc

extension Array {
  /// Makes room for `count` elements, in large pages where the system offers these.
  ///
  /// An array of hundreds of megabytes costs more time in page faults than in being written; with
  /// pages of 2 MiB there are 512 times fewer. The advice has no other effect.
  mutating func reserveLarge(_ count: Int) {
    reserveCapacity(count)
    unsafe withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      // The array owns room for `count` elements from `start` on, used or not.
      unsafe adviseLargePages(
        UnsafeMutableRawPointer(start), byteCount: count * MemoryLayout<Element>.stride)
    }
  }
}

/// Asks for large pages for the whole pages within some memory.
func adviseLargePages(_ start: UnsafeMutableRawPointer, byteCount: Int) {
  let page = 4_096
  let first = (Int(bitPattern: start) + page - 1) / page * page
  let last = (Int(bitPattern: start) + byteCount) / page * page
  guard last - first >= 4 << 20, let aligned = unsafe UnsafeMutableRawPointer(bitPattern: first)
  else { return }
  // Failure means small pages, which only cost time.
  _ = unsafe madvise(aligned, last - first, MADV_HUGEPAGE)
}
