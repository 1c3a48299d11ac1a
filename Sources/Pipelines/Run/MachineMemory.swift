import Files

/// How much memory the machine and this process have, as the kernel counts it (proc(5), cgroups(7)).
package enum MachineMemory {
  /// The bytes that this process may use: those of the machine, or fewer where its control group is
  /// limited; `nil` where the kernel does not tell.
  package static var total: Int? {
    let machine = bytes("MemTotal", in: "/proc/meminfo")
    let group = text("/sys/fs/cgroup/memory.max").flatMap { Int($0.prefix { $0.isNumber }) }
    return [machine, group].compactMap(\.self).min()
  }

  /// The bytes that this process has in memory; 0 where the kernel does not tell.
  package static var resident: Int { bytes("VmRSS", in: "/proc/self/status") ?? 0 }

  /// A value of a file of the kernel that has lines such as `MemTotal:  24055688 kB`.
  private static func bytes(_ name: String, in path: String) -> Int? {
    let line = text(path)?.split(separator: "\n").first { $0.hasPrefix("\(name):") }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
      .map { $0 * 1_024 }
  }

  private static func text(_ path: String) -> String? {
    (try? FileSystem.read(path)).map { String(decoding: $0, as: UTF8.self) }
  }
}
