#if FUZZING
  import Synchronization

  /// What libFuzzer calls with an input; it gives nothing but the bytes to the function it calls.
  private let currentCheck = Mutex<(@Sendable ([UInt8]) -> Void)?>(nil)

  @_silgen_name("LLVMFuzzerRunDriver")
  private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
  ) -> Int32

  /// Lets libFuzzer look for inputs that end the process in `check`; the status to exit with.
  func fuzz(_ arguments: [String], _ check: @escaping @Sendable ([UInt8]) -> Void) -> Int32 {
    currentCheck.withLock { $0 = check }
    // libFuzzer keeps the pointers, so the memory is never freed.
    let strings = ["almanac-fuzz"] + arguments
    let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
      capacity: strings.count + 1)
    for (index, string) in strings.enumerated() {
      let bytes = string.utf8CString
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
      for (position, byte) in bytes.enumerated() { unsafe copy[position] = byte }
      unsafe pointers[index] = unsafe copy
    }
    unsafe pointers[strings.count] = nil
    var count = Int32(strings.count)
    var start: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe pointers
    return unsafe runDriver(&count, &start) { bytes, count in
      let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
      currentCheck.withLock { $0 }?(input)
      return 0
    }
  }
#endif
