import Simulation
import Testing

@Suite("Philox")
struct PhiloxTests {
  /// The known answers for Philox4x32 with 10 rounds that the authors publish with Random123
  /// (tests/kat_vectors).
  @Test("gives the known answers of Random123")
  func knownAnswers() {
    let zero = Philox(seed: 0).block(0, 0, 0, 0).words
    #expect(zero == (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    let ones = Philox(seed: .max).block(.max, .max, .max, .max).words
    #expect(ones == (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    let digits = Philox(seed: 0x299f_31d0_a409_3822)
      .block(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344).words
    #expect(digits == (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }
}
