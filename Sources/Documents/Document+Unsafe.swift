import CYAML

/// One step of a YAML document.
struct Event {
  /// What the step is.
  enum Kind {
    case streamStart, streamEnd, documentStart, documentEnd
    case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    case scalar(text: String, isQuoted: Bool)
    case alias(String)
  }

  let kind: Kind
  /// Line and column where it begins, from 1.
  let line: Int
  let column: Int
  /// The anchor or tag in front of it, as written.
  let property: String?
}

/// Why libyaml could not go on, in its words.
struct ParserFailure: Error {
  /// What it met, such as `could not find expected ':'`.
  let problem: String
  /// What it was doing, such as `while scanning a simple key`; empty where it does not say.
  let context: String
  /// Line, column (from 1) and character offset (from 0) of the problem.
  let line: Int
  let column: Int
  let offset: Int
  /// Line and column where the thing it was reading begins.
  let contextLine: Int
  let contextColumn: Int
  /// The byte at which decoding failed; `nil` unless the bytes themselves are at fault.
  let invalidByteAt: Int?
  /// Whether memory ran out.
  let isOutOfMemory: Bool
}

/// The steps of a YAML text, read by libyaml.
///
/// Owns the parser and a copy of the bytes, which libyaml reads by pointer; both live on the heap,
/// since the parser keeps addresses into them, and both are freed when the value goes.
@safe struct EventParser: ~Copyable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let input: UnsafeMutableBufferPointer<UInt8>

  /// A parser over UTF-8 bytes, or `nil` if memory is short.
  init?(_ bytes: [UInt8]) {
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    guard unsafe yaml_parser_initialize(parser) == 1 else {
      unsafe parser.deallocate()
      return nil
    }
    let input = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
    _ = unsafe input.initialize(fromContentsOf: bytes)
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    unsafe self.parser = parser
    unsafe self.input = input
  }

  deinit {
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
    unsafe input.deallocate()
  }

  /// The next step; after ``Event/Kind/streamEnd`` or a failure there is none, so do not ask.
  mutating func next() throws(ParserFailure) -> Event {
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure }
    defer { unsafe yaml_event_delete(&event) }
    let (kind, property) = unsafe decoded(event)
    return unsafe Event(
      kind: kind, line: Int(event.start_mark.line) + 1, column: Int(event.start_mark.column) + 1,
      property: property)
  }

  private var failure: ParserFailure {
    let state = unsafe parser.pointee
    let isReader = unsafe state.error == YAML_READER_ERROR
    return unsafe ParserFailure(
      problem: text(state.problem), context: text(state.context),
      line: Int(state.problem_mark.line) + 1, column: Int(state.problem_mark.column) + 1,
      offset: Int(state.problem_mark.index),
      contextLine: Int(state.context_mark.line) + 1,
      contextColumn: Int(state.context_mark.column) + 1,
      invalidByteAt: isReader ? Int(state.problem_offset) : nil,
      isOutOfMemory: state.error == YAML_MEMORY_ERROR)
  }
}

/// The step of a libyaml event and its anchor or tag; the strings are copies.
private func decoded(_ event: yaml_event_t) -> (Event.Kind, property: String?) {
  switch unsafe event.type {
  case YAML_STREAM_START_EVENT: return (.streamStart, nil)
  case YAML_STREAM_END_EVENT: return (.streamEnd, nil)
  case YAML_DOCUMENT_START_EVENT: return (.documentStart, nil)
  case YAML_DOCUMENT_END_EVENT: return (.documentEnd, nil)
  case YAML_SEQUENCE_END_EVENT: return (.sequenceEnd, nil)
  case YAML_MAPPING_END_EVENT: return (.mappingEnd, nil)
  case YAML_ALIAS_EVENT:
    return unsafe (.alias(text(event.data.alias.anchor)), nil)
  case YAML_SEQUENCE_START_EVENT:
    let start = unsafe event.data.sequence_start
    return unsafe (.sequenceStart, property(anchor: start.anchor, tag: start.tag))
  case YAML_MAPPING_START_EVENT:
    let start = unsafe event.data.mapping_start
    return unsafe (.mappingStart, property(anchor: start.anchor, tag: start.tag))
  case YAML_SCALAR_EVENT:
    let scalar = unsafe event.data.scalar
    let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
    let isQuoted = unsafe scalar.style != YAML_PLAIN_SCALAR_STYLE
    return unsafe (
      .scalar(text: String(decoding: bytes, as: UTF8.self), isQuoted: isQuoted),
      property(anchor: scalar.anchor, tag: scalar.tag)
    )
  default:
    preconditionFailure("libyaml gave an event that it does not declare")
  }
}

private func property(
  anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?
) -> String? {
  if let anchor = unsafe anchor { return unsafe "&" + text(anchor) }
  if let tag = unsafe tag { return unsafe text(tag) }
  return nil
}

/// A copy of a C string; empty for a null pointer.
private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String {
  guard let pointer = unsafe pointer else { return "" }
  return unsafe String(cString: pointer)
}

/// A copy of a C string; empty for a null pointer.
private func text(_ pointer: UnsafePointer<CChar>?) -> String {
  guard let pointer = unsafe pointer else { return "" }
  return unsafe String(cString: pointer)
}
