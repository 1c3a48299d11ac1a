package import AlmanacCore

/// Why compressed bytes cannot be decompressed.
package enum CodecError: ExitStatusConvertible, Equatable {
  /// The bytes are not what the compression writes; `reason` is its library's own text.
  case corrupt(reason: String)
  /// The bytes end in the middle of a frame.
  case truncated
  /// The content is larger than the caller allows.
  case tooLarge(maximumSize: Int)

  /// Corrupt input is bad data.
  package var exitStatus: ExitStatus { .badData }

  /// What is wrong with the compressed bytes, and what to do.
  package var description: String {
    switch self {
    case .corrupt(let reason):
      "the compressed data is damaged (\(reason)): restore or fetch the file again"
    case .truncated:
      "the compressed data ends in the middle of a frame: restore or fetch the file again"
    case .tooLarge(let maximumSize):
      "the compressed data holds more than \(maximumSize) bytes, the most that is allowed here"
    }
  }
}
