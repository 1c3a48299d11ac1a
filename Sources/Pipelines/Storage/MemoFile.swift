import Codecs
import Files

/// Hidden files in the folders of datasets that only save time: a name of the form, the SHA-256 of the
/// content, and the content.
///
/// A file that is damaged counts as none, and a disk that does not take one is no reason to stop.
enum MemoFile {
  private static let digestSize = 32

  /// The content of a file; `nil` if there is none, or if it is damaged or of another form.
  static func read(_ path: String, form: String) -> [UInt8]? {
    guard (try? FileSystem.exists(path)) == true, let file = try? FileSystem.read(path) else {
      return nil
    }
    let start = form.utf8.count + digestSize
    guard file.count >= start, file.starts(with: form.utf8) else { return nil }
    let content = Array(file[start...])
    let digest = file[form.utf8.count..<start]
    return digest.elementsEqual(SHA256.digest(of: content)) ? content : nil
  }

  /// Replaces a file, as long as its folder is there.
  static func write(_ content: [UInt8], to path: String, form: String) {
    guard (try? FileSystem.isDirectory(FileSystem.directory(of: path))) == true else { return }
    try? FileSystem.writeAtomically(
      Array(form.utf8) + SHA256.digest(of: content) + content, to: path)
  }
}
