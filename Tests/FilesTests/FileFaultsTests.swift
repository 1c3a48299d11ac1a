import AlmanacCore
import Files
import Glibc
import Testing

@Suite("File faults")
struct FileFaultsTests {
  private let root: TemporaryDirectory
  private var path: String { root.path + "/file" }
  private let old: [UInt8] = [1, 2, 3]
  private let new = [UInt8](repeating: 9, count: 10_000)

  init() throws {
    root = try TemporaryDirectory()
    try FileSystem.writeAtomically(old, to: root.path + "/file")
  }

  @Test(
    "keeps the old file and removes the temporary one when a step fails",
    arguments: [
      (FileOperation.create, ENOSPC, 0), (.write, ENOSPC, 0), (.write, ENOSPC, 3),
      (.write, EIO, 1), (.write, EDQUOT, 2), (.synchronize, EIO, 0), (.rename, EACCES, 0),
    ])
  func keepsOldFile(operation: FileOperation, code: Int32, after: Int) throws {
    let faults = FileFaults([.init(operation, code: code, after: after)], maximumTransfer: 1000)
    #expect(throws: FileError.system(operation: operation, path: path, code: code)) {
      try FileFaults.$current.withValue(faults) { try FileSystem.writeAtomically(new, to: path) }
    }
    #expect(try FileSystem.read(path) == old)
    #expect(try FileSystem.list(root.path) == ["file"])
  }

  @Test("reports a directory that cannot be brought to the disk")
  func directorySynchronisation() throws {
    let faults = FileFaults([.init(.synchronize, code: EIO, after: 1)])
    #expect(throws: FileError.system(operation: .synchronize, path: root.path, code: EIO)) {
      try FileFaults.$current.withValue(faults) { try FileSystem.writeAtomically(new, to: path) }
    }
    #expect(try FileSystem.list(root.path) == ["file"])
  }

  @Test("continues after interruptions and partial transfers", arguments: [1, 7, 4096])
  func continues(maximumTransfer: Int) throws {
    let faults = FileFaults(
      [.init(.write, code: EINTR, count: 3), .init(.read, code: EINTR, after: 1, count: 2)],
      maximumTransfer: maximumTransfer)
    try FileFaults.$current.withValue(faults) {
      try FileSystem.writeAtomically(new, to: path)
      #expect(try FileSystem.read(path) == new)
    }
  }

  @Test("reports a failure in the middle of reading")
  func readFailure() {
    let faults = FileFaults([.init(.read, code: EIO, after: 1)], maximumTransfer: 2)
    #expect(throws: FileError.system(operation: .read, path: path, code: EIO)) {
      try FileFaults.$current.withValue(faults) { try FileSystem.read(path) }
    }
  }

  @Test("says to free space when the disk fills up in the middle of a write")
  func fullDisk() throws {
    let faults = FileFaults([.init(.write, code: ENOSPC, after: 1)], maximumTransfer: 100)
    let error = #expect(throws: FileError.self) {
      try FileFaults.$current.withValue(faults) { try FileSystem.writeAtomically(new, to: path) }
    }
    #expect(error?.exitStatus == .inputOutput)
    #expect(error?.description.contains("disk full: free space") == true)
  }
}

@Suite("File errors")
struct FileErrorTests {
  @Test(
    "leads to the exit status of its cause",
    arguments: [
      (FileOperation.open, ENOENT, AlmanacCore.ExitStatus.missingInput),
      (.open, EACCES, .noPermission),
      (.remove, EPERM, .noPermission), (.create, EROFS, .noPermission),
      (.write, ENOSPC, .inputOutput), (.write, EDQUOT, .inputOutput), (.read, EIO, .inputOutput),
      (.write, EFBIG, .inputOutput), (.create, ENOENT, .cannotCreate),
      (.createDirectory, ENOTDIR, .cannotCreate), (.rename, EXDEV, .cannotCreate),
      (.open, EMFILE, .inputOutput),
    ])
  func exitStatus(operation: FileOperation, code: Int32, status: AlmanacCore.ExitStatus) {
    #expect(FileError.system(operation: operation, path: "/x", code: code).exitStatus == status)
  }

  @Test("describes every refusal in one line that names the path")
  func descriptions() {
    for operation in FileOperation.allCases {
      for code in [ENOENT, EACCES, EROFS, ENOSPC, EDQUOT, EFBIG, EIO, EMFILE, ENOTDIR] {
        let text = FileError.system(operation: operation, path: "/x/y", code: code).description
        #expect(text.contains("/x/y: ") && !text.contains("\n"))
      }
    }
    #expect(FileError.locked(directory: "/x").exitStatus == .temporaryFailure)
  }

  @Test("is what reading a missing file throws")
  func missing() {
    #expect(throws: FileError.system(operation: .open, path: "/no/such", code: ENOENT)) {
      try FileSystem.read("/no/such")
    }
    #expect(throws: FileError.system(operation: .create, path: "/no/such", code: ENOENT)) {
      try FileSystem.writeAtomically([], to: "/no/such")
    }
    let obstacle = FileError.system(operation: .createDirectory, path: "/dev/null", code: EEXIST)
    #expect(throws: obstacle) { try FileSystem.createDirectories("/dev/null/x") }
  }
}
