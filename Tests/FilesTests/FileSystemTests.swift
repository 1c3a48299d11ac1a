import AlmanacCore
import Files
import Foundation
import Testing

@Suite("File system")
struct FileSystemTests {
  private let root: TemporaryDirectory

  init() throws {
    root = try TemporaryDirectory()
  }

  @Test("reads back what was written", arguments: [0, 1, 4095, 4096, 1_000_003])
  func roundTrip(size: Int) throws {
    var generator = SplitMix64(seed: UInt64(size))
    let bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let path = root.path + "/content"
    try FileSystem.writeAtomically(bytes, to: path)
    #expect(try FileSystem.read(path) == bytes)
    #expect(try FileSystem.size(of: path) == size)
    #expect(try FileSystem.list(root.path) == ["content"])
  }

  @Test("replaces a file and leaves nothing else behind")
  func replaces() throws {
    let path = root.path + "/content"
    try FileSystem.writeAtomically([1, 2, 3], to: path)
    try FileSystem.writeAtomically([4], to: path)
    #expect(try FileSystem.read(path) == [4])
    #expect(try FileSystem.list(root.path) == ["content"])
  }

  @Test("reads a file that names no size")
  func unknownSize() throws {
    #expect(!(try FileSystem.read("/proc/self/status")).isEmpty)
  }

  @Test("creates directories down to the last and accepts those that exist")
  func createsDirectories() throws {
    let path = root.path + "/a/b/c/"
    try FileSystem.createDirectories(path)
    try FileSystem.createDirectories(path)
    #expect(try FileSystem.isDirectory(root.path + "/a/b/c"))
    #expect(!(try FileSystem.exists(root.path + "/a/b/d")))
  }

  @Test("lists names in ascending order of their bytes")
  func listsInOrder() throws {
    for name in ["b", "é", "a", ".hidden", "B"] {
      try FileSystem.writeAtomically([], to: root.path + "/" + name)
    }
    #expect(try FileSystem.list(root.path) == [".hidden", "B", "a", "b", "é"])
  }

  @Test("removes a tree without following its links")
  func removesTree() throws {
    try FileSystem.createDirectories(root.path + "/tree/below")
    try FileSystem.writeAtomically([1], to: root.path + "/tree/below/file")
    try FileSystem.writeAtomically([1], to: root.path + "/kept")
    try FileManager.default.createSymbolicLink(
      atPath: root.path + "/tree/link", withDestinationPath: root.path)
    try FileSystem.removeTree(root.path + "/tree")
    try FileSystem.removeTree(root.path + "/tree")
    #expect(try FileSystem.list(root.path) == ["kept"])
  }

  @Test("renames over an existing file")
  func renames() throws {
    try FileSystem.writeAtomically([1], to: root.path + "/old")
    try FileSystem.createDirectories(root.path + "/sub")
    try FileSystem.writeAtomically([2], to: root.path + "/sub/new")
    try FileSystem.rename(root.path + "/old", to: root.path + "/sub/new")
    #expect(try FileSystem.read(root.path + "/sub/new") == [1])
    #expect(!(try FileSystem.exists(root.path + "/old")))
  }

  @Test(
    "names the directory of a path",
    arguments: [
      ("/a/b", "/a"), ("/a/b/", "/a"), ("/a//b", "/a"), ("/a", "/"), ("/", "/"), ("a", "."),
      ("a/b", "a"), ("a/", "."),
    ])
  func directoryOfPath(path: String, directory: String) {
    #expect(FileSystem.directory(of: path) == directory)
  }

  @Test("removes what a killed process left behind, and only that")
  func removesTemporaries() throws {
    try Data().write(to: URL(fileURLWithPath: root.path + "/.999999-1.almanac-tmp"))
    try FileSystem.writeAtomically([], to: root.path + "/kept")
    #expect(try FileSystem.removeTemporaries(in: root.path) == [".999999-1.almanac-tmp"])
    #expect(try FileSystem.list(root.path) == ["kept"])
  }

  @Test("writes beside a left-over temporary file of the same process number")
  func leftOverTemporary() throws {
    // Other tests of this process move its counter on, so a good many names are taken.
    for number in 1...500 {
      let name = ".\(ProcessInfo.processInfo.processIdentifier)-\(number).almanac-tmp"
      try Data().write(to: URL(fileURLWithPath: root.path + "/" + name))
    }
    try FileSystem.writeAtomically([7], to: root.path + "/file")
    #expect(try FileSystem.read(root.path + "/file") == [7])
  }

  @Test("finds that a directory takes no files")
  func unwritable() throws {
    try FileSystem.checkWritable(directory: root.path)
    #expect(throws: FileError.system(operation: .inspect, path: root.path + "/no", code: ENOENT)) {
      try FileSystem.checkWritable(directory: root.path + "/no")
    }
  }

  @Test("locks a directory for one holder at a time")
  func locks() throws {
    let path = root.path
    do {
      let lock = try DirectoryLock(directory: path)
      #expect(throws: FileError.locked(directory: path)) { _ = try DirectoryLock(directory: path) }
      _ = consume lock
    }
    _ = try DirectoryLock(directory: path)
    #expect(try FileSystem.list(path) == [".lock"])
  }
}
