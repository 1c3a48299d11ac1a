/// Parquet files as bytes: flat columns of the types that a `Batch` has.
///
/// - SeeAlso: Apache Parquet format 2.10, github.com/apache/parquet-format.
package enum ParquetFile {
  /// The four bytes at both ends of a file.
  static let magic: [UInt8] = Array("PAR1".utf8)
}
