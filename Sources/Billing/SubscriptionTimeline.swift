package import AlmanacCore

/// The price of a module: a row of `billing.modules`.
package struct ModulePrice: Hashable, Sendable {
  /// The price of one unit for a whole billing period, in ten-thousandths.
  package var unitAmount: Int128
  /// The currency of the price.
  package var currency: CurrencyCode

  /// A price.
  package init(unitAmount: Int128, currency: CurrencyCode) {
    self.unitAmount = unitAmount
    self.currency = currency
  }
}

/// What part of a subscription's monthly value belongs to a module.
struct ModulePart: Hashable, Sendable {
  var module: UUIDValue
  var amount: Int128
}

/// The monthly value of a subscription from an instant on.
struct SubscriptionStep: Sendable {
  var instant: Timestamp
  /// Whether it is the revaluation at the end of a month, which comes before what changes at the
  /// same instant and belongs to the month that ends.
  var isRevaluation: Bool
  /// The whole monthly value, in ten-thousandths of the reporting currency.
  var amount: Int128
  /// The plan; all-zero where nothing counts or no plan is named.
  var plan: UUIDValue
  /// The modules' parts of the amount; the rest is the plan's.
  var modules: [ModulePart]
  /// The change that led to it.
  var cause: UUIDValue?
}

/// What the valuation of every subscription needs.
struct ValuationContext {
  var rates: ExchangeRates
  var modules: [UUIDValue: ModulePrice]
  var settings: LedgerSettings
  var calendar: LedgerCalendar
}

/// What is paid for by a subscription, and how much, while it counts.
struct SubscriptionTerms: Hashable {
  var amount: Int128?
  var months: Int?
  var currency: CurrencyCode?
  var plan = UUIDValue.zero
  var quantity: Int64 = 1
  /// The modules owned, in the order in which they were added.
  var modules: [UUIDValue] = []

  /// Takes over what a change says, and keeps what it does not say.
  mutating func take(_ change: SubscriptionChange) {
    if let amount = change.recurringAmount { self.amount = amount }
    if let months = change.periodMonths { self.months = months }
    if let currency = change.currency { self.currency = currency }
    if let plan = change.plan { self.plan = plan }
    if let quantity = change.quantity { self.quantity = quantity }
    if change.kind == .new { modules = [] }
    guard let module = change.module else { return }
    if change.kind == .moduleRemoved { modules.removeAll { $0 == module } }
    if change.kind == .moduleAdded, !modules.contains(module) { modules.append(module) }
  }
}

/// Works out the monthly value of one subscription at every instant.
struct SubscriptionTimeline {
  /// The part of the terms that decides whether a converted value is held.
  private struct Price: Hashable {
    var amount: Int128
    var months: Int
    var currency: CurrencyCode
  }

  /// The values, by time.
  private(set) var steps: [SubscriptionStep] = []
  /// The rates it took.
  private(set) var rateUses: Set<RateUse> = []
  /// Modules that it had and that have no known price.
  private(set) var unpricedModules: Set<UUIDValue> = []

  private let context: ValuationContext
  private var state = SubscriptionState()
  private var terms = SubscriptionTerms()
  /// The price behind the present value; `nil` while nothing counts.
  private var price: Price?
  /// The present value.
  private var amount: Int128 = 0
  /// The first month whose end was not looked at for a revaluation.
  private var nextMonth = 0

  /// Values a subscription by its effects before the end of time.
  init(_ effects: SubscriptionEffects, in context: ValuationContext) throws(BillingError) {
    self.context = context
    if let first = effects.effects.first {
      nextMonth = context.calendar.index(of: first.instant)
    }
    for effect in effects.effects where effect.instant < context.calendar.end {
      try revalue(through: effect.instant)
      switch effect.action {
      case .ended(let cause):
        state.end()
        stop(at: effect.instant, cause: cause)
      case .change(let change):
        state.apply(change.kind)
        // Rows that begin in the middle say only now what is paid.
        if change.kind.setsTerms || terms.amount == nil { terms.take(change) }
        if state.counts(context.settings.pause) {
          try count(change)
        } else {
          stop(at: effect.instant, cause: change.id)
        }
      }
    }
    try revalue(through: context.calendar.end)
  }

  private mutating func stop(at instant: Timestamp, cause: UUIDValue?) {
    price = nil
    amount = 0
    emit(
      SubscriptionStep(
        instant: instant, isRevaluation: false, amount: 0, plan: .zero, modules: [], cause: cause))
  }

  /// Lets the present terms count from a change on.
  ///
  /// The rate is that of the change's date; it is held as long as amount, period and currency stay
  /// the same (DECISIONS.md, D-157).
  private mutating func count(_ change: SubscriptionChange) throws(BillingError) {
    let next = try presentPrice(change)
    let date = context.calendar.zone.localDate(at: change.effectiveAt)
    if price != next { amount = try value(of: next, on: date) }
    price = next
    emit(
      SubscriptionStep(
        instant: change.effectiveAt, isRevaluation: false, amount: amount, plan: terms.plan,
        modules: try parts(of: amount, on: date), cause: change.id))
  }

  private func presentPrice(_ change: SubscriptionChange) throws(BillingError) -> Price {
    guard let amount = terms.amount else {
      throw .missingTerms(change: change.id, term: "recurring_amount")
    }
    // Nothing is nothing in every currency and period.
    guard let months = terms.months ?? (amount == 0 ? 1 : nil) else {
      throw .missingTerms(change: change.id, term: "interval")
    }
    guard let currency = terms.currency ?? (amount == 0 ? context.settings.currency : nil) else {
      throw .missingTerms(change: change.id, term: "currency")
    }
    return Price(amount: amount, months: months, currency: currency)
  }

  private mutating func value(of price: Price, on date: CalendarDate) throws(BillingError) -> Int128
  {
    try converted(price.amount, from: price.currency, months: price.months, on: date)
  }

  private mutating func converted(
    _ amount: Int128, from currency: CurrencyCode, months: Int, on date: CalendarDate
  ) throws(BillingError) -> Int128 {
    if amount != 0, currency != context.settings.currency {
      rateUses.insert(RateUse(source: currency, target: context.settings.currency, date: date))
    }
    do {
      return try context.rates.convert(
        amount, from: currency, to: context.settings.currency, on: date, dividedBy: months)
    } catch { throw .conversion(error) }
  }

  /// The modules' parts of a value: quantity × price, never more than is left (D-161).
  private mutating func parts(
    of amount: Int128, on date: CalendarDate
  ) throws(BillingError) -> [ModulePart] {
    if terms.modules.isEmpty { return [] }
    var rest = max(amount, 0)
    var parts: [ModulePart] = []
    for module in terms.modules {
      guard let unit = context.modules[module] else {
        unpricedModules.insert(module)
        continue
      }
      let (price, overflows) =
        unit.unitAmount.multipliedReportingOverflow(by: Int128(terms.quantity))
      if overflows {
        throw .conversion(
          .outOfRange(from: unit.currency, to: context.settings.currency, date: date))
      }
      let full = try converted(
        price, from: unit.currency, months: terms.months ?? 1, on: date)
      let part = min(max(full, 0), rest)
      rest -= part
      if part > 0 { parts.append(ModulePart(module: module, amount: part)) }
    }
    return parts
  }

  /// Values what counts again at the ends of the months up to an instant, if that is asked for.
  private mutating func revalue(through instant: Timestamp) throws(BillingError) {
    guard context.settings.fx == .monthEnd else { return }
    let calendar = context.calendar
    while nextMonth < calendar.monthCount, calendar.starts[nextMonth + 1] <= instant {
      let month = nextMonth
      nextMonth += 1
      guard let price, price.currency != context.settings.currency, var step = steps.last else {
        continue
      }
      amount = try value(of: price, on: calendar.lastDay(month))
      step.instant = calendar.starts[month + 1]
      step.isRevaluation = true
      step.amount = amount
      step.modules = try parts(of: amount, on: calendar.lastDay(month))
      step.cause = nil
      emit(step)
    }
  }

  /// Adds a step unless it says what the one before it says.
  private mutating func emit(_ step: SubscriptionStep) {
    if let last = steps.last {
      if last.amount == step.amount, last.plan == step.plan, last.modules == step.modules {
        return
      }
    } else if step.amount == 0 {
      return
    }
    steps.append(step)
  }
}
