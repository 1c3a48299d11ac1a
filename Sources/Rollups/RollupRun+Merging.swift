/// The position of a group in the order of the result, comparable across runs of one state.
struct GroupPosition: Comparable {
  var upper: UInt64
  var lower: UInt64

  static func < (left: GroupPosition, right: GroupPosition) -> Bool {
    left.upper != right.upper ? left.upper < right.upper : left.lower < right.lower
  }
}

/// The ranks by which the groups of runs are compared.
struct GroupOrder {
  let companyRanks: [UInt32]
  let eventTypeRanks: [UInt32]
  let moduleRanks: [UInt32]

  init(_ dictionaries: RollupDictionaries) {
    companyRanks = ranks(of: dictionaries.companies.sortedCodes())
    eventTypeRanks = ranks(of: dictionaries.eventTypes.sortedCodes())
    moduleRanks = ranks(of: dictionaries.modules.sortedCodes())
  }

  /// Where a group stands.
  func position(of key: GroupKey) -> GroupPosition {
    GroupPosition(
      upper: UInt64(companyRanks[Int(key.company)]) << 32
        | UInt64(eventTypeRanks[Int(key.eventType)]),
      lower: UInt64(moduleRanks[Int(key.module)]) << 32
        | UInt64(truncatingIfNeeded: key.bucket))
  }
}

/// Walks over the groups of a run that keeps users.
private struct GroupCursor {
  let run: RollupRun
  private(set) var group = 0
  private var firstUser = 0

  init(_ run: RollupRun) {
    precondition(run.keepsUsers, "a run without users can be neither merged nor translated")
    self.run = run
  }

  var isAtEnd: Bool { group == run.count }
  var key: GroupKey { run.key(of: group) }
  var values: GroupValues { run.values(of: group) }
  var users: ArraySlice<UInt32> {
    run.users[firstUser..<(firstUser + Int(run.uniqueUsers[group]))]
  }

  mutating func advance() {
    firstUser += Int(run.uniqueUsers[group])
    group += 1
  }
}

extension RollupRun {
  /// The union of two runs of one state, or `nil` where a sum of amounts exceeds 128 bits.
  static func merging(_ left: RollupRun, _ right: RollupRun, order: GroupOrder) -> RollupRun? {
    var merged = RollupRun(keepsUsers: true)
    merged.reserveCapacity(left.count + right.count)
    var left = GroupCursor(left)
    var right = GroupCursor(right)
    while !left.isAtEnd && !right.isAtEnd {
      let leftPosition = order.position(of: left.key)
      let rightPosition = order.position(of: right.key)
      if leftPosition < rightPosition {
        merged.append(left.key, left.values, users: left.users)
        left.advance()
      } else if rightPosition < leftPosition {
        merged.append(right.key, right.values, users: right.users)
        right.advance()
      } else {
        var users = Array(left.users) + right.users
        users.sortAndRemoveDuplicates()
        guard let values = left.values.adding(right.values, uniqueUsers: users.count) else {
          return nil
        }
        merged.append(left.key, values, users: users[...])
        left.advance()
        right.advance()
      }
    }
    for var rest in [left, right] {
      while !rest.isAtEnd {
        merged.append(rest.key, rest.values, users: rest.users)
        rest.advance()
      }
    }
    return merged
  }

  /// The run with its codes replaced by those of another state.
  func translated(by codes: RollupCodeTranslation) -> RollupRun {
    var result = RollupRun(keepsUsers: true)
    result.reserveCapacity(count)
    var cursor = GroupCursor(self)
    while !cursor.isAtEnd {
      var key = cursor.key
      key.company = codes.companies[Int(key.company)]
      key.eventType = codes.eventTypes[Int(key.eventType)]
      key.module = codes.modules[Int(key.module)]
      var users = cursor.users.map { codes.users[Int($0)] }
      users.sortAndRemoveDuplicates()
      result.append(key, cursor.values, users: users[...])
      cursor.advance()
    }
    return result
  }
}

extension [UInt32] {
  /// Leaves each value once, ascending.
  mutating func sortAndRemoveDuplicates() {
    guard count > 1 else { return }
    if count == 2 {
      if self[0] > self[1] { swapAt(0, 1) }
    } else {
      sort()
    }
    var kept = 1
    for index in 1..<count where self[index] != self[kept - 1] {
      self[kept] = self[index]
      kept += 1
    }
    removeLast(count - kept)
  }
}

/// The codes of one state for those of another.
struct RollupCodeTranslation {
  let companies: [UInt32]
  let eventTypes: [UInt32]
  let modules: [UInt32]
  let users: [UInt32]

  /// The translation of `source`'s codes into those of `target`, which learns what it lacks.
  init(from source: RollupDictionaries, into target: inout RollupDictionaries) {
    companies = source.companies.values.map { target.companies.code(of: $0) }
    eventTypes = source.eventTypes.values.map { target.eventTypes.code(of: $0[...]) }
    modules = source.modules.values.map { target.modules.code(of: $0) }
    users = source.users.values.map { target.users.code(of: $0) }
  }

  /// The events with their codes replaced.
  func callAsFunction(_ events: CodedEvents) -> CodedEvents {
    var result = events
    result.companies = events.companies.translated(by: companies)
    result.eventTypes = events.eventTypes.translated(by: eventTypes)
    result.modules = events.modules.map { $0.translated(by: modules) }
    result.users = events.users.map { $0.translated(by: users) }
    return result
  }
}
