import Files

/// How much memory the machine and this process have, as the kernel counts it (proc(5), cgroups(7)).
package enum MachineMemory {
  /// The bytes that this process may use: those of the machine, or fewer where its control group is
  /// limited; `nil` where the kernel does not tell.
  package static var total: Int? {
    let machine = text("/proc/meminfo").flatMap { text -> Int? in
      let line = text.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
      return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1_024 }
    }
    let group = text("/sys/fs/cgroup/memory.max").flatMap { Int($0.prefix { $0.isNumber }) }
    return [machine, group].compactMap(\.self).min()
  }

  /// The bytes that this process has in memory; 0 where the kernel does not tell.
  package static var resident: Int {
    let pages = text("/proc/self/statm")?.split(separator: " ").dropFirst().first
    return (pages.flatMap { Int($0) } ?? 0) * pageSize
  }

  /// The bytes of a page on every machine that Almanac is built for.
  private static let pageSize = 4_096

  private static func text(_ path: String) -> String? {
    (try? FileSystem.read(path)).map { String(decoding: $0, as: UTF8.self) }
  }
}
