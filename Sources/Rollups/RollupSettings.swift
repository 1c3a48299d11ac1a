package import AlmanacCore

/// What a rollup has to know besides the events: zone, currency and the names of the columns.
package struct RollupSettings: Sendable {
  /// The zones whose local dates are the days, one for all companies or one for each.
  package var zones: CompanyZones
  /// What tells the dates that are over: events of others count in no day, month or span; `nil` for
  /// events of all dates.
  package var over: DatesOver?
  /// The currency of the amounts that come out.
  package var currency: CurrencyCode
  /// The name of the dataset, for error messages.
  package var dataset = "events"
  /// Text, not null.
  package var eventTypeColumn = "event_type"
  /// An identifier, not null.
  package var companyColumn = "company_id"
  /// The company whose zone counts, where it is not that of ``companyColumn``.
  package var zoneCompanyColumn: String?
  /// An instant, not null: when the event happened.
  package var timestampColumn = "timestamp"
  /// An identifier; null means no module, and so does the absence of the column's name here.
  package var moduleColumn: String? = "module_id"
  /// An identifier; without the name no users are counted.
  package var userColumn: String? = "user_id"
  /// Money; without the name no amounts are summed.
  package var amountColumn: String? = "amount"
  /// The currency of the amount; without the name all amounts are in the reporting currency.
  package var currencyColumn: String? = "currency"
  /// The rate of a currency on a local date, `nil` where there is none; without the function an
  /// amount in another currency is an error.
  package var rate: (@Sendable (CurrencyCode, CalendarDate) -> RollupRate?)?
  /// Milliseconds; without the name no durations are summed.
  package var durationColumn: String? = "duration_ms"

  /// Settings with the column names of the source contract, and one zone for all companies.
  package init(zone: ZoneRules, currency: CurrencyCode) {
    zones = CompanyZones(zone)
    self.currency = currency
  }
}
