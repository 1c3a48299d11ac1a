import CCrypto

/// The SHA-256 digest (FIPS 180-4) of bytes that arrive in pieces.
///
/// However the bytes are cut, the digest is the same.
@safe package struct SHA256: ~Copyable {
  private let context: OpaquePointer

  /// The digest of no bytes yet.
  package init() {
    guard let context = unsafe EVP_MD_CTX_new() else {
      fatalError("no memory for a digest context")
    }
    let status = unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil)
    precondition(status == 1, "libcrypto offers no SHA-256")
    unsafe self.context = context
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
  }

  /// Takes the next bytes.
  package mutating func update(_ bytes: RawSpan) {
    let status = unsafe bytes.withUnsafeBytes {
      unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count)
    }
    precondition(status == 1, "libcrypto failed to take bytes")
  }

  /// Takes the next bytes.
  package mutating func update(_ bytes: Span<UInt8>) {
    unsafe update(bytes.bytes)
  }

  /// The digest of all bytes taken, 32 bytes.
  package consuming func finalize() -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: 32) { target, count in
      var length: UInt32 = 0
      let status = unsafe EVP_DigestFinal_ex(context, target.baseAddress, &length)
      precondition(status == 1 && length == 32, "libcrypto failed to finish a digest")
      count = Int(length)
    }
  }
}
