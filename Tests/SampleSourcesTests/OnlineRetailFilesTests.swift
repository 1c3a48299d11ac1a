import AlmanacCore
import Billing
import Columns
import Foundation
import SampleSources
import Testing

@Suite("The online retail files of the repository")
struct OnlineRetailFilesTests {
  @Test("smoke")
  func smoke() throws {
    let files = try Retail.realFiles()
    let zone = try Retail.london()
    let clock = ContinuousClock()
    var load: OnlineRetailLoad?
    let time = try clock.measure { load = try OnlineRetail.convert(files: files, zone: zone) }
    print("TIME", time)
    print(load!.summary.lines().joined(separator: "\n"))
    print(load!.rejections.count, Rejection.csv(load!.rejections).count)
  }
}
