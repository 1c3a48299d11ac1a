import FoundationEssentials

/// How much memory this process has resident, as the kernel counts it.
enum ResidentMemory {
  /// Bytes now.
  static func current() throws(BenchmarkError) -> Int { try value("VmRSS") }

  /// The most bytes while `body` runs.
  static func peak(during body: () throws -> Void) throws -> Int {
    // "5" makes the present the highest so far.
    try writeFile(Array("5".utf8), to: "/proc/self/clear_refs")
    try body()
    return try value("VmHWM")
  }

  private static func value(_ name: String) throws(BenchmarkError) -> Int {
    let path = "/proc/self/status"
    guard let data = try? Data(contentsOf: URL(filePath: path)) else {
      throw .cannotRead(path: path)
    }
    for line in String(decoding: data, as: UTF8.self).split(separator: "\n")
    where line.hasPrefix("\(name):") {
      let words = line.split(whereSeparator: \.isWhitespace)
      if words.count == 3, let kibibytes = Int(words[1]) { return kibibytes * 1024 }
    }
    throw .cannotRead(path: path)
  }
}
