import AlmanacCore

/// One change at the instant it counts.
struct SubscriptionEffect {
  /// What takes effect.
  enum Action {
    /// A row of `subscription_changes`.
    case change(SubscriptionChange)
    /// Nothing counts from here on: another subscription continues it, because of `cause`, or its
    /// company was deleted.
    case ended(cause: UUIDValue?)
  }

  var instant: Timestamp
  var action: Action
}

/// The changes of one subscription in the order in which they count.
struct SubscriptionEffects {
  private(set) var effects: [SubscriptionEffect] = []

  /// Orders the changes of one subscription by effect.
  ///
  /// Changes take effect by `effective_at`, of one instant by sequence (DECISIONS.md, D-153). A
  /// cancellation that is withdrawn before it takes effect never counts (D-154).
  ///
  /// - Parameters:
  ///   - changes: all known changes of the subscription, by sequence.
  ///   - churnAt: when cancellations count.
  init(_ changes: ArraySlice<SubscriptionChange>, churnAt: LedgerSettings.ChurnTime) {
    var pending: [SubscriptionChange] = []
    var withdrawn: Set<UUIDValue> = []
    for change in changes {
      if change.kind == .cancel { pending.append(change) }
      guard change.kind == .cancelWithdrawn else { continue }
      withdrawn.formUnion(
        pending.filter { $0.effectiveAt > change.effectiveAt }.map(\.id))
      pending.removeAll { $0.effectiveAt > change.effectiveAt }
    }
    effects.reserveCapacity(changes.count)
    var latestStart: Timestamp?
    var isOrdered = true
    for change in changes {
      if change.kind == .cancelWithdrawn || withdrawn.contains(change.id) { continue }
      var instant = change.effectiveAt
      if change.kind.startsService { latestStart = max(latestStart ?? instant, instant) }
      if change.kind == .cancel, churnAt == .cancellation, let asked = change.requestedAt,
        latestStart.map({ asked > $0 }) ?? true
      {
        instant = min(instant, asked)
      }
      if let last = effects.last, instant < last.instant { isOrdered = false }
      effects.append(SubscriptionEffect(instant: instant, action: .change(change)))
    }
    if !isOrdered {
      effects = effects.indices.sorted { left, right in
        let (first, second) = (effects[left].instant, effects[right].instant)
        return first != second ? first < second : left < right
      }.map { effects[$0] }
    }
  }

  /// Where paid service first begins, and the change that begins it; `nil` if it never does.
  ///
  /// A first change other than a trial shows a service that began before the rows do (D-152).
  var firstService: (instant: Timestamp, cause: UUIDValue)? {
    var state = SubscriptionState()
    for effect in effects {
      guard case .change(let change) = effect.action else { continue }
      state.apply(change.kind)
      if state.phase == .active { return (effect.instant, change.id) }
    }
    return nil
  }

  /// Whether the first change shows a service that began before the rows do.
  var beginsInTheMiddle: Bool {
    guard case .change(let first) = effects.first?.action else { return false }
    return !first.kind.startsService && first.kind != .trialStart
  }

  /// Lets another subscription take over at an instant (DECISIONS.md, D-159).
  ///
  /// What happens from then on no longer counts, and a cancellation that led up to it is part of
  /// the move: the value holds until the successor's begins.
  mutating func hand(over instant: Timestamp, cause: UUIDValue) {
    effects.removeAll { $0.instant >= instant }
    let lastStart = effects.lastIndex { effect in
      guard case .change(let change) = effect.action else { return false }
      return change.kind.startsService || change.kind == .trialStart
    }
    let kept = lastStart ?? -1
    effects = effects.enumerated().filter { index, effect in
      guard index > kept, case .change(let change) = effect.action else { return true }
      return change.kind != .cancel
    }.map(\.element)
    effects.append(SubscriptionEffect(instant: instant, action: .ended(cause: cause)))
  }

  /// Lets nothing count from an instant on (DECISIONS.md, D-160).
  mutating func end(at instant: Timestamp) {
    effects.removeAll { $0.instant >= instant }
    effects.append(SubscriptionEffect(instant: instant, action: .ended(cause: nil)))
  }
}

/// Where a subscription stands, whatever it costs.
struct SubscriptionState {
  /// The phase of its life.
  enum Phase {
    case none
    case trial
    case active
    case canceled
  }

  private(set) var phase = Phase.none
  private(set) var isPaused = false

  /// Applies a change (DECISIONS.md, D-152, D-156).
  mutating func apply(_ kind: ChangeKind) {
    switch kind {
    case .trialStart: (phase, isPaused) = (.trial, false)
    case .new, .trialConvert, .reactivate: (phase, isPaused) = (.active, false)
    case .cancel: (phase, isPaused) = (.canceled, false)
    case .cancelWithdrawn: break
    case .pause, .resume, .upgrade, .downgrade, .quantity, .moduleAdded, .moduleRemoved,
      .discount:
      if phase == .none { phase = .active }
      if kind == .pause { isPaused = phase != .canceled }
      if kind == .resume { isPaused = false }
    }
  }

  /// Ends it.
  mutating func end() { (phase, isPaused) = (.canceled, false) }

  /// Whether its amount is MRR.
  func counts(_ pause: LedgerSettings.Pause) -> Bool {
    phase == .active && !(isPaused && pause == .zero)
  }
}
