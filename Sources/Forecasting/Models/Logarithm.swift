import Glibc

/// The natural logarithm, here so that files of recursions import nothing.
@inline(__always)
func logarithm(_ value: Double) -> Double { log(value) }
