import CCurl

/// One request over HTTP by libcurl.
enum Exchange {
  /// libcurl, made ready once.
  private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// Posts a body, and gives the status of the answer.
  ///
  /// Redirections are not followed, certificates are checked, and no signal is used.
  static func post(_ url: String, _ body: String, headers: [String]) throws(WebhookError) -> Int {
    guard isReady, let handle = unsafe curl_easy_init() else {
      throw .unreachable(reason: "no memory for a connection")
    }
    defer { unsafe curl_easy_cleanup(handle) }
    var list: UnsafeMutablePointer<curl_slist>?
    // The list has to outlive the request; freeing nothing is allowed.
    defer { unsafe curl_slist_free_all(list) }
    for header in headers {
      guard let longer = unsafe curl_slist_append(list, header) else {
        throw .unreachable(reason: "no memory for a connection")
      }
      unsafe list = longer
    }
    // libcurl copies all texts but the body, and copies that too with this option.
    let settings = unsafe [
      almanac_curl_set_text(handle, CURLOPT_URL, url),
      almanac_curl_set_text(handle, CURLOPT_PROTOCOLS_STR, "http,https"),
      almanac_curl_set_text(handle, CURLOPT_USERAGENT, "almanac"),
      almanac_curl_set_number(handle, CURLOPT_NOSIGNAL, 1),
      almanac_curl_set_number(handle, CURLOPT_TIMEOUT_MS, Webhook.patience.whole),
      almanac_curl_set_number(handle, CURLOPT_CONNECTTIMEOUT_MS, Webhook.patience.connection),
      almanac_curl_set_headers(handle, list),
      almanac_curl_drop_answer(handle),
      almanac_curl_set_text(handle, CURLOPT_COPYPOSTFIELDS, body),
    ]
    if let failed = settings.first(where: { $0 != CURLE_OK }) { throw unreachable(failed) }
    let code = unsafe curl_easy_perform(handle)
    if code == CURLE_OPERATION_TIMEDOUT { throw .unanswered }
    guard code == CURLE_OK else { throw unreachable(code) }
    var status = 0
    guard unsafe almanac_curl_status(handle, &status) == CURLE_OK else {
      throw .unreachable(reason: "no status")
    }
    return status
  }

  /// The words for a code, which name no address.
  private static func unreachable(_ code: CURLcode) -> WebhookError {
    let words = unsafe curl_easy_strerror(code).map { unsafe String(cString: $0) }
    return .unreachable(reason: words ?? "error \(code.rawValue) of libcurl")
  }
}
