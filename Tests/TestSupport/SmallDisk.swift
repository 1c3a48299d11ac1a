import Foundation

/// A file system of a few pages in memory, which fills up as a disk does.
///
/// Mounting needs root; where it is refused, making one throws ``CommandFailed``.
package final class SmallDisk {
  /// Where it is mounted.
  package let path: String

  /// Whether this user may mount one.
  package static let isPossible = (try? SmallDisk(pages: 16)) != nil

  /// The size of a page in bytes.
  private static let pageSize = 4_096

  /// Mounts an empty one of a size.
  package init(pages: Int) throws {
    path = "/tmp/almanac-\(UUID().uuidString.prefix(13))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    do {
      try SmallDisk.run(
        "mount", "-t", "tmpfs", "-o", "size=\(pages * SmallDisk.pageSize)", "almanac", path)
    } catch {
      try? FileManager.default.removeItem(atPath: path)
      throw error
    }
  }

  deinit {
    try? SmallDisk.run("umount", "--lazy", path)
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Changes the size; what it holds stays.
  package func resize(pages: Int) throws {
    try SmallDisk.run("mount", "-o", "remount,size=\(pages * SmallDisk.pageSize)", path)
  }

  /// The pages that are in use.
  package func usedPages() throws -> Int {
    let values = try FileManager.default.attributesOfFileSystem(forPath: path)
    guard let size = (values[.systemSize] as? NSNumber)?.intValue,
      let free = (values[.systemFreeSize] as? NSNumber)?.intValue
    else { throw NeverHappened(what: "the size of \(path)") }
    return (size - free) / SmallDisk.pageSize
  }

  private static func run(_ command: String...) throws {
    let result = try runProcess(URL(filePath: "/usr/bin/env"), command)
    guard result.status == 0 else {
      throw CommandFailed(command: command, output: result.stderr)
    }
  }
}
