package import AlmanacCore
import Glibc

/// What a call to the file system was for.
package enum FileOperation: String, Sendable, CaseIterable {
  /// Opening an existing file or directory.
  case open
  /// Creating a file.
  case create
  /// Reading from an open file.
  case read
  /// Writing to an open file.
  case write
  /// Bringing a file or directory to the disk.
  case synchronize = "flush to disk"
  /// Giving a file its final name.
  case rename
  /// Removing a file or an empty directory.
  case remove
  /// Reading the entries of a directory.
  case list
  /// Asking for kind, size or rights.
  case inspect
  /// Creating a directory.
  case createDirectory = "create the directory"
  /// Taking the lock of a directory.
  case lock
}

/// Why something could not be done with a file.
package enum FileError: ExitStatusConvertible, Equatable {
  /// The operating system refused; `code` is its `errno`.
  case system(operation: FileOperation, path: String, code: Int32)
  /// Another process holds the lock of the directory.
  case locked(directory: String)

  /// The `errno` of a refused operation.
  package var code: Int32? {
    if case .system(_, _, let code) = self { code } else { nil }
  }

  /// Missing input, a missing right, a full or failing disk, output that cannot be created, or a
  /// lock to wait for.
  package var exitStatus: ExitStatus {
    switch self {
    case .locked: .temporaryFailure
    case .system(let operation, _, let code):
      switch code {
      case EACCES, EPERM, EROFS: .noPermission
      case ENOSPC, EDQUOT, EIO, EFBIG: .inputOutput
      case _ where FileError.creates(operation): .cannotCreate
      case ENOENT: .missingInput
      default: .inputOutput
      }
    }
  }

  /// What failed, the system's reason, and what to do.
  package var description: String {
    switch self {
    case .locked(let directory):
      return "\(directory) is in use by another process: wait until it has ended"
    case .system(let operation, let path, let code):
      let what = "cannot \(operation.rawValue) \(path)"
      let reason = FileError.text(of: code)
      switch code {
      case ENOSPC: return "\(what): disk full: free space on the file system that holds it"
      case EDQUOT: return "\(what): quota used up: free space or ask for a larger quota"
      case EFBIG: return "\(what): file too large: raise the file size limit (ulimit -f)"
      case EIO: return "\(what): \(reason): check the disk"
      case EROFS: return "\(what): the file system is read-only: choose another directory"
      case EACCES, EPERM:
        return "\(what): \(reason): give this user the right, or choose another path"
      case ENOENT where operation == .create || operation == .createDirectory:
        return "\(what): its directory does not exist: create it first"
      case ENOENT: return "\(what): no such file or directory: check the path"
      case EMFILE, ENFILE: return "\(what): too many open files: raise the limit (ulimit -n)"
      default: return "\(what): \(reason)"
      }
    }
  }

  private static func creates(_ operation: FileOperation) -> Bool {
    switch operation {
    case .create, .createDirectory, .write, .synchronize, .rename: true
    default: false
    }
  }
}
