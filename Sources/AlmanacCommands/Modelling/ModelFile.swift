import AlmanacCore
import Files
import FoundationEssentials
import LinearAlgebra
import Regression

/// A fitted model as it lies in a file: one JSON document, the same bytes for the same input.
struct ModelFile: Codable, Equatable {
  /// The form of the document.
  var format: Int
  /// The version of the program that wrote it.
  var almanac: String
  /// The processor kernel of the linear algebra library; across kernels last digits differ.
  var kernel: String
  /// The linear algebra library and its version; `nil` in files of older versions.
  var library: String?
  /// SHA-256 of the file it was fitted on; `nil` for a query.
  var dataDigest: String?
  /// The model.
  var model: FittedModel

  init(_ model: FittedModel, digest: String?) {
    format = model.format
    almanac = ProgramVersion.text
    kernel = BLASLibrary.kernelName
    library = BLASLibrary.version
    dataDigest = digest
    self.model = model
  }

  /// Writes the document.
  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    try FileSystem.writeAtomically(Array(try encoder.encode(self)) + [10], to: path)
  }

  /// Reads a document of this or an earlier version.
  static func read(_ path: String) throws -> ModelFile {
    struct Form: Decodable {
      var format: Int
      var almanac: String
    }
    let data = Data(try FileSystem.read(path))
    guard let form = try? JSONDecoder().decode(Form.self, from: data) else {
      throw TableError("\(path) is no model file; `almanac fit` writes them")
    }
    guard form.format <= FittedModel.currentFormat else {
      throw TableError(
        "\(path) was written by almanac \(form.almanac) in form \(form.format); "
          + "this is \(ProgramVersion.text), which reads forms up to \(FittedModel.currentFormat)")
    }
    guard let file = try? JSONDecoder().decode(ModelFile.self, from: data) else {
      throw TableError("\(path) is a damaged model file; fit the model again")
    }
    return file
  }
}
