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

  /// Where a group of a run stands.
  func position(of group: Int, in run: RollupRun) -> GroupPosition {
    GroupPosition(
      upper: UInt64(companyRanks[Int(run.companies[group])]) << 32
        | UInt64(eventTypeRanks[Int(run.eventTypes[group])]),
      lower: UInt64(moduleRanks[Int(run.modules[group])]) << 32 | UInt64(run.buckets[group]))
  }
}

extension RollupRun {
  /// The union of two runs of one state, or `nil` where a sum of amounts exceeds 128 bits.
  static func merging(_ left: RollupRun, _ right: RollupRun, order: GroupOrder) -> RollupRun? {
    if left.count == 0 { return right }
    if right.count == 0 { return left }
    var merged = RollupRun()
    merged.reserveCapacity(left.count + right.count)
    var (leftGroup, rightGroup) = (0, 0)
    while leftGroup < left.count && rightGroup < right.count {
      let leftPosition = order.position(of: leftGroup, in: left)
      let rightPosition = order.position(of: rightGroup, in: right)
      if leftPosition < rightPosition {
        merged.append(leftGroup, of: left)
        leftGroup += 1
      } else if rightPosition < leftPosition {
        merged.append(rightGroup, of: right)
        rightGroup += 1
      } else {
        merged.appendKey(
          company: left.companies[leftGroup], eventType: left.eventTypes[leftGroup],
          module: left.modules[leftGroup], bucket: left.buckets[leftGroup])
        var users = Array(left.users(of: leftGroup)) + right.users(of: rightGroup)
        merged.appendUsers(&users)
        guard let values = left.values(of: leftGroup).adding(right.values(of: rightGroup)) else {
          return nil
        }
        merged.appendValues(values)
        leftGroup += 1
        rightGroup += 1
      }
    }
    for group in leftGroup..<left.count { merged.append(group, of: left) }
    for group in rightGroup..<right.count { merged.append(group, of: right) }
    return merged
  }

  /// The run with its codes replaced by those of another state.
  func translated(by codes: RollupCodeTranslation) -> RollupRun {
    var result = RollupRun()
    result.reserveCapacity(count)
    for group in 0..<count {
      result.appendKey(
        company: codes.companies[Int(companies[group])],
        eventType: codes.eventTypes[Int(eventTypes[group])],
        module: codes.modules[Int(modules[group])], bucket: buckets[group])
      var users = users(of: group).map { codes.users[Int($0)] }
      result.appendUsers(&users)
      result.appendValues(values(of: group))
    }
    return result
  }

  private mutating func append(_ group: Int, of other: RollupRun) {
    appendKey(
      company: other.companies[group], eventType: other.eventTypes[group],
      module: other.modules[group], bucket: other.buckets[group])
    for user in other.users(of: group) { appendUser(user) }
    appendValues(other.values(of: group))
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
    for row in events.buckets.indices where events.buckets[row] != BucketAssignment.outside {
      result.companies[row] = companies[Int(events.companies[row])]
      result.eventTypes[row] = eventTypes[Int(events.eventTypes[row])]
      result.modules[row] = modules[Int(events.modules[row])]
      if events.users[row] != CodedEvents.noUser {
        result.users[row] = users[Int(events.users[row])]
      }
    }
    return result
  }
}
