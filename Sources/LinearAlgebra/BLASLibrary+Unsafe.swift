import CLAPACK

/// The linked BLAS library: its one process-wide setting and its name.
package enum BLASLibrary {
  /// Sets BLAS to one thread, once per process.
  ///
  /// With several threads OpenBLAS splits sums by thread, so results would depend on the machine,
  /// and its threads would compete with those of the program. Every operation of this module goes
  /// through here before it calls BLAS or LAPACK; a `static let` runs once, whichever thread comes
  /// first, and later reads cost one comparison.
  static let useOneThread: Void = openblas_set_num_threads(1)

  /// The name of the processor kernel OpenBLAS chose for this machine, such as `Haswell`.
  ///
  /// Results are equal to the bit only between machines with the same kernel.
  package static let kernelName: String = {
    guard let name = unsafe openblas_get_corename() else { return "unknown" }
    return unsafe String(cString: name)
  }()

  /// The name and version of the library, such as `OpenBLAS 0.3.21`.
  package static let version: String = {
    guard let text = unsafe openblas_get_config() else { return "unknown" }
    return unsafe String(cString: text).split(separator: " ").prefix(2).joined(separator: " ")
  }()

  /// The number of threads BLAS uses, which is 1 after any operation of this module.
  package static var threadCount: Int {
    useOneThread
    return Int(openblas_get_num_threads())
  }
}
