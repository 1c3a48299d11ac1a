import AlmanacCore

/// Why a row of the online retail files is not loaded, in the order in which reasons are tried.
///
/// The raw value is the text of reports. See DECISIONS.md, D-103.
package enum RejectionReason: String, CaseIterable, Sendable {
  /// A cell cannot be read, or the record has too few or too many.
  case malformedRow = "malformed row"
  /// A later file covers the row's day.
  case superseded = "superseded by the later file"
  /// A correction of the shop's books (`A…`), not a sale.
  case adjustment = "adjustment"
  /// No customer is named.
  case noCustomer = "no customer"
  /// The price is zero.
  case zeroPrice = "zero price"
  /// The price is below zero.
  case negativePrice = "negative price"
  /// An invoice line without a positive quantity.
  case quantityNotPositive = "quantity zero or negative"
  /// A cancellation line without a negative quantity.
  case cancellationNotNegative = "cancellation with quantity zero or positive"
  /// A cancelled quantity that no earlier invoice line of the customer accounts for.
  case cancellationWithoutOriginal = "cancellation without an original"
}

/// A row, or the rest of a row, that is not loaded.
package struct Rejection: Hashable, Sendable {
  /// The name of the file.
  package let file: String
  /// The line on which the record begins, counted from 1.
  package let line: Int
  /// The invoice number as written.
  package let invoice: String
  /// Why the row is not loaded.
  package let reason: RejectionReason
  /// Which column is malformed, or what else narrows the reason down.
  package let detail: String?
  /// The amount that is not loaded, in ten-thousandths, with the sign it has in the file.
  ///
  /// `nil` when quantity or price cannot be read.
  package let amount: Int64?
  /// Whether the rest of the row is loaded.
  package let isPart: Bool

  /// The reason as text, with what narrows it down.
  package var text: String {
    let part = isPart ? " (part of the row)" : ""
    return reason.rawValue + (detail.map { ": " + $0 } ?? "") + part
  }

  /// Rejections as a CSV file with a header: file, line, invoice, reason, amount.
  package static func csv(_ rejections: [Rejection]) -> [UInt8] {
    var bytes = Array("file,line,invoice,reason,amount\n".utf8)
    bytes.reserveCapacity(rejections.count * 64)
    for rejection in rejections {
      let amount = rejection.amount.map { Money.text($0) } ?? ""
      let cells = [
        quoted(rejection.file), String(rejection.line), quoted(rejection.invoice),
        quoted(rejection.text), amount,
      ]
      for (index, cell) in cells.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(contentsOf: cell.utf8)
      }
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }

  private static func quoted(_ cell: String) -> String {
    guard cell.utf8.contains(where: { $0 == 34 || $0 == 44 || $0 == 10 || $0 == 13 }) else {
      return cell
    }
    return "\""
      + cell.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }
}
