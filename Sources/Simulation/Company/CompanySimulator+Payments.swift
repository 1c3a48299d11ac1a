import AlmanacCore
import Billing
import Glibc

// How invoices are collected (D-205): attempts, refusals, retries, and the payment methods.
extension CompanySimulator {
  /// The most attempts at one invoice before it waits for a new payment method.
  private static let attemptLimit = 6
  /// Times of retry a randomised choice is made from: every 6 hours of 7 days.
  static let retrySlots = (1...28).map { $0 * 6 }
  /// The share of retries whose time is drawn at random.
  static let randomisedShare = 0.2

  /// What the failure of an attempt at an instant depends on.
  private func covariates(of collection: Collection, at: Int64) -> [Double] {
    let method = state.method
    let local = Timestamp(microseconds: at)
    let seconds = Int64(zone.offsetSeconds(at: local))
    let clock = Timestamp(microseconds: at + seconds * 1_000_000)
    let hour = Int(clock.hour.hoursSinceEpoch) % 24
    let dollars = Double(collection.due) / 10_000 / profile.currency.perDollar
    let days =
      collection.lastAttempt.map { Double(at - $0) / Double(microsecondsPerDay) } ?? 0
    func flag(_ value: Bool) -> Double { value ? 1 : 0 }
    return [
      flag(method.kind == .bankAccount), flag(method.kind == .paypal),
      flag(method.expiresAt.map { $0 <= at } ?? false),
      flag(method.kind == .card && method.funding == 1),
      flag(method.kind == .card && method.funding == 2),
      min(4, max(-3, log(max(dollars, 0.01) / 100))), flag(hour < 6),
      flag(profile.isWeekend(clock.dateUTC)), Double(min(4, collection.attempts)),
      flag(collection.lastClass == .soft), flag(collection.lastClass == .technical),
      flag(collection.lastClass == .authentication),
      flag(collection.lastClass == .hard || collection.lastClass == .never), log(1 + days),
    ]
  }

  /// Whether a story decides the outcome of an attempt in place of chance.
  private func scriptedFailure(of collection: Collection) -> Bool? {
    switch profile.script {
    case .pastDue where collection.invoice == 0: collection.attempts < 3
    case .uncollectible where collection.invoice == 0: true
    case .refundAndCredit where collection.invoice == 0: false
    default: nil
    }
  }

  /// Tries to collect an invoice.
  mutating func collect(_ invoice: Int, at: Int64) {
    guard let index = state.collections.firstIndex(where: { $0.invoice == invoice }) else { return }
    let collection = state.collections[index]
    let step = state.attemptCount
    state.attemptCount += 1
    let words = draws.block(.attempt, step, 1).words
    let isCard = state.method.kind == .card
    let forced = scriptedFailure(of: collection)
    if isCard, forced == nil, collection.attempts == 0, unit(words.0) < 0.03 {
      addAttempt(collection, step, outcome: .actionRequired, declined: nil, at: at)
      state.collections[index].attempts += 1
      state.collections[index].lastAttempt = at
      let hours = 1 + 20 * unit(words.1)
      state.plan(
        .collect(invoice: invoice), at: at + Int64(hours * Double(microsecondsPerHour)))
      return
    }
    let values = covariates(of: collection, at: at)
    let probability = probability(of: .paymentFailure, values, at: at)
    let fails = forced ?? (draws.unit(.attempt, step) < probability)
    if let record, forced == nil {
      record.decisions.append(
        Decision(
          question: .paymentFailure, at: at, module: nil, attempt: record.attempts.count,
          covariates: values, probability: probability, outcome: fails))
    }
    state.collections[index].attempts += 1
    state.collections[index].lastAttempt = at
    if fails {
      let isExpired = values[2] > 0 && unit(words.3) < 0.75
      let kind =
        forced != nil ? .soft : isExpired ? .hard : CompanySimulator.declineKind(unit(words.2))
      addAttempt(
        collection, step, outcome: .failed,
        declined: (kind, kind.code(isExpired: isExpired, words.1)), at: at)
      refused(index, kind, step: step, at: at)
    } else {
      addAttempt(collection, step, outcome: .succeeded, declined: nil, at: at)
      paid(index, at: at)
    }
  }

  /// The class of a refusal of a method that has not expired.
  private static func declineKind(_ unit: Double) -> DeclineKind {
    unit < 0.55
      ? .soft
      : unit < 0.72
        ? .technical
        : unit < 0.86
          ? .authentication
          : unit < 0.95 ? .hard : .never
  }

  /// Writes an attempt down, with the transaction it belongs to.
  private mutating func addAttempt(
    _ collection: Collection, _ step: Int, outcome: AttemptOutcome,
    declined: (kind: DeclineKind, code: String)?, at: Int64
  ) {
    guard let record else { return }
    let channel = EventWords.channels[state.method.kind.rawValue]
    let position: Int
    if let known = record.transactionOfInvoice[collection.invoice] {
      position = known
    } else {
      position = record.transactions.count
      record.transactionOfInvoice[collection.invoice] = position
      let recordedAt = recorded(.transaction, position, at)
      record.transactions.append(
        TransactionRow(
          id: identifier(.transaction, position), invoice: collection.invoice, channel: channel,
          providerID: "p_\(profile.index)_\(position)", recordedAt: recordedAt,
          amount: collection.due, method: state.method.ordinal, status: "pending",
          changedAt: recordedAt))
    }
    record.attempts.append(
      AttemptRow(
        id: identifier(.attempt, step), invoice: collection.invoice, method: state.method.ordinal,
        number: collection.attempts + 1, amount: collection.due, outcome: outcome.rawValue,
        declineCode: declined?.code, declineClass: declined?.kind.rawValue, attemptedAt: at,
        recordedAt: recorded(.attempt, step, at)))
    updateTransaction(collection.invoice, at: at) { row in
      row.method = state.method.ordinal
      if collection.attempts > 0 {
        row.retries += 1
        row.lastRetryAt = at
      }
      row.nextRetryAt = nil
      row.errorMessage = declined?.code
      row.status =
        outcome == .failed ? "failed" : outcome == .succeeded ? "succeeded" : "processing"
      if outcome == .succeeded { row.succeededAt = at }
    }
    emitMoney(.paymentAttempted, collection.due, at: at)
  }

  /// Changes the row of an invoice's transaction, if there is one.
  private func updateTransaction(
    _ invoice: Int, at: Int64, _ change: (inout TransactionRow) -> Void
  ) {
    guard let record, let position = record.transactionOfInvoice[invoice] else { return }
    change(&record.transactions[position])
    let known = CompanySimulator.known(record.transactions[position].recordedAt, at)
    record.transactions[position].changedAt = max(record.transactions[position].changedAt, known)
  }

  // MARK: After an attempt

  /// Settles an invoice, and plans what rarely follows.
  private mutating func paid(_ index: Int, at: Int64) {
    let collection = state.collections[index]
    let invoice = collection.invoice
    updateInvoice(invoice, at: at) { row in
      row.status = "paid"
      row.amountPaid = collection.due
      row.paidAt = at
    }
    emitMoney(.paymentReceived, collection.due, at: at)
    emitMoney(.invoicePaid, collection.due, at: at + 1_000_000)
    if collection.failures > 0 {
      emitMoney(.paymentRecovered, collection.due, at: at + 2_000_000)
      emit(.dunningEnded, at: at + 3_000_000)
    }
    close(index, at: at)
    let luck = draws.block(.lifecycle, invoice, 32)
    if luck.unit < 0.008 {
      let percent = luck.secondUnit < 0.5 ? 100 : 30
      state.plan(
        .refund(invoice: invoice, percent: percent), at: later(at, days: 6, invoice, 12))
    } else if luck.unit < 0.011 {
      state.plan(.dispute(invoice: invoice), at: later(at, days: 20, invoice, 12))
    }
  }

  /// Plans what follows a refusal: a retry, a new method, in the end giving up.
  private mutating func refused(_ index: Int, _ kind: DeclineKind, step: Int, at: Int64) {
    let collection = state.collections[index]
    let invoice = collection.invoice
    state.refusals.append(at)
    emitMoney(.paymentFailed, collection.due, at: at)
    state.collections[index].failures += 1
    state.collections[index].lastClass = kind
    if collection.firstFailure == nil {
      state.collections[index].firstFailure = at
      state.plan(.giveUp(invoice: invoice), at: at + 24 * microsecondsPerDay)
      emit(.dunningStarted, at: at + 1_000_000)
    }
    let luck = draws.block(.method, step, 1)
    let isFinal = kind == .hard || kind == .never
    if profile.script != .uncollectible, luck.unit < (isFinal ? 0.6 : 0.1) {
      let wait = Int64((0.5 + 5 * luck.secondUnit) * Double(microsecondsPerDay))
      state.plan(.replaceMethod(retrying: invoice), at: at + wait)
    } else if kind != .never, collection.attempts < CompanySimulator.attemptLimit {
      retry(index, step: step, at: at)
    }
  }

  /// The probability of a time of retry under the whole policy.
  static func propensity(isRuled: Bool) -> Double {
    randomisedShare / Double(retrySlots.count) + (isRuled ? 1 - randomisedShare : 0)
  }

  /// Chooses when to try again: by rule, or at random for a share, with its propensity.
  private mutating func retry(_ index: Int, step: Int, at: Int64) {
    let collection = state.collections[index]
    let slots = CompanySimulator.retrySlots
    let ruled = collection.failures <= 1 ? 24 : collection.failures == 2 ? 72 : 120
    let block = draws.block(.retry, step)
    let isRandomised = block.unit < CompanySimulator.randomisedShare
    let hours = isRandomised ? slots[choice(block.words.2, below: slots.count)] : ruled
    let propensity = CompanySimulator.propensity(isRuled: hours == ruled)
    let next = at + Int64(hours) * microsecondsPerHour
    state.plan(.collect(invoice: collection.invoice), at: next)
    guard let record else { return }
    func success(_ hours: Int) -> Double {
      let then = at + Int64(hours) * microsecondsPerHour
      return 1
        - probability(of: .paymentFailure, covariates(of: collection, at: then), at: then)
    }
    var best = (hours: slots[0], probability: 0.0)
    for slot in slots {
      let probability = success(slot)
      if probability > best.probability { best = (slot, probability) }
    }
    record.retries.append(
      RetryChoice(
        attempt: record.attempts.count - 1, hours: hours, propensity: propensity,
        isRandomised: isRandomised, bestHours: best.hours, bestProbability: best.probability,
        chosenProbability: success(hours)))
    updateTransaction(collection.invoice, at: at) { $0.nextRetryAt = next }
    emit(
      .paymentRetryScheduled, at: at + 2_000_000, details: .retry, value: Int64(hours),
      code: isRandomised ? (hours == ruled ? 2 : 1) : 0)
  }

  /// Stops collecting: the invoice is lost, and mostly the company with it.
  mutating func giveUp(_ invoice: Int, at: Int64) {
    guard let index = state.collections.firstIndex(where: { $0.invoice == invoice }) else { return }
    updateInvoice(invoice, at: at) { row in
      row.status = "uncollectible"
      row.uncollectibleAt = at
    }
    updateTransaction(invoice, at: at) { $0.nextRetryAt = nil }
    emit(.dunningEnded, at: at)
    close(index, at: at)
    cancelAll(.payment, at: at)
  }

  // MARK: Payment methods

  /// Adds a payment method and makes it the one in use.
  mutating func addMethod(at: Int64, isFirst: Bool) {
    let ordinal = state.methodCount
    state.methodCount += 1
    let words = draws.block(.method, ordinal, 2).words
    let place = unit(words.0)
    // Stories are about cards, which are charged at once.
    let kind: MethodKind =
      profile.script != nil || place < 0.72 ? .card : place < 0.88 ? .bankAccount : .paypal
    let fundingPlace = unit(words.1)
    let funding = fundingPlace < 0.55 ? 0 : fundingPlace < 0.9 ? 1 : 2
    let months = (profile.script == nil ? 2 : 12) + choice(words.2, below: 34)
    let start = Timestamp(microseconds: at).dateUTC.monthStart(adding: months)
    let expiresAt =
      kind == .card ? start.monthStart(adding: 1).startUTC.microseconds : nil
    state.method = MethodState(
      ordinal: ordinal, kind: kind, funding: funding, expiresAt: expiresAt)
    if let record {
      let recordedAt = recorded(.method, ordinal, at)
      if !isFirst { deactivateMethod(ordinal - 1, at: at) }
      record.methods.append(
        MethodRow(
          id: identifier(.method, ordinal), kind: kind,
          brand: kind == .card ? ["visa", "mastercard", "amex"][choice(words.3, below: 3)] : nil,
          funding: kind == .card ? ["credit", "debit", "prepaid"][funding] : nil,
          recordedAt: recordedAt, expiryMonth: kind == .card ? start.month : nil,
          expiryYear: kind == .card ? start.year : nil, changedAt: recordedAt))
    }
    emit(.paymentMethodAdded, at: at, user: state.activeUsers.first)
    if !isFirst { state.plan(.removeMethod(ordinal - 1), at: at + microsecondsPerHour) }
    if let expiresAt {
      state.plan(.warnOfExpiry(method: ordinal), at: expiresAt - 20 * microsecondsPerDay)
    }
  }

  private func deactivateMethod(_ ordinal: Int, at: Int64) {
    guard let record else { return }
    record.methods[ordinal].isActive = false
    record.methods[ordinal].changedAt = max(
      record.methods[ordinal].changedAt,
      CompanySimulator.known(record.methods[ordinal].recordedAt, at))
  }

  /// Removes a method that another one has replaced.
  mutating func removeMethod(_ method: Int, at: Int64) {
    emit(.paymentMethodRemoved, at: at, user: state.activeUsers.first)
  }

  /// Warns that a card expires soon; most owners then renew it.
  mutating func warnOfExpiry(method: Int, at: Int64) {
    guard state.method.ordinal == method, state.hasRevenue else { return }
    emit(.paymentMethodExpiring, at: at)
    let luck = draws.block(.method, method, 3)
    guard luck.unit < 0.55 else { return }
    state.plan(
      .renewCard(method),
      at: at + Int64(luck.secondUnit * 18 * Double(microsecondsPerDay)))
  }

  /// Moves the expiry of the card in use three years on.
  mutating func renewCard(_ method: Int, at: Int64) {
    guard state.method.ordinal == method, let expiresAt = state.method.expiresAt else { return }
    let later = Timestamp(microseconds: expiresAt).dateUTC.monthStart(adding: 36)
    state.method.expiresAt = later.startUTC.microseconds
    if let record {
      let last = later.monthStart(adding: -1)
      record.methods[method].expiryMonth = last.month
      record.methods[method].expiryYear = last.year
      record.methods[method].changedAt = CompanySimulator.known(
        record.methods[method].recordedAt, at)
    }
    emit(.paymentMethodUpdated, at: at, user: state.activeUsers.first)
    state.plan(
      .warnOfExpiry(method: method), at: later.startUTC.microseconds - 20 * microsecondsPerDay)
  }

  /// Enters another payment method, and tries the open invoice with it.
  mutating func replaceMethod(retrying invoice: Int?, at: Int64) {
    addMethod(at: at, isFirst: false)
    guard let invoice else { return }
    for index in state.collections.indices { state.collections[index].lastClass = nil }
    state.plan(.collect(invoice: invoice), at: at + 10 * microsecondsPerMinute)
  }
}
