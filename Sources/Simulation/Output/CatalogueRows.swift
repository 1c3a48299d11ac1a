package import AlmanacCore
package import Billing
package import Columns

/// The rows that belong to no company: plans, modules and exchange rates.
package enum CatalogueRows {
  /// The plans of every tier, interval and currency, and the modules.
  package static func priceLists(
    in settings: WorldSettings
  ) -> [(table: SourceTable, batch: Batch)] {
    var plans = RowBuilder(SimulatedTables.plans.fields)
    let opening = (CalendarDate(year: 2015, month: 1, day: 1) ?? settings.start).startUTC
    for (index, currency) in Geography.currencies.enumerated() {
      for interval in BillingInterval.allCases {
        for tier in Catalogue.tiers.indices {
          for isLegacy in [false, true] where !isLegacy || tier == 1 {
            let code = isLegacy ? "classic" : Catalogue.tiers[tier]
            plans.add(
              Catalogue.planID(
                tier: tier, interval: interval, currency: index, isLegacy: isLegacy))
            plans.add("\(code)-\(interval.word)-\(currency.code)")
            plans.add(code)
            plans.add(count: tier + 1)
            plans.add(interval.word)
            plans.add(count: 1)
            plans.add(
              Catalogue.seatPrice(
                tier: tier, interval: interval, currency: currency, isLegacy: isLegacy))
            plans.add(currency.code)
            plans.add(true)
            plans.add(opening.microseconds)
            plans.add(isLegacy ? settings.start.startUTC.microseconds : nil)
          }
        }
      }
    }
    var modules = RowBuilder(SimulatedTables.modules.fields)
    for (index, code) in Catalogue.modules.enumerated() {
      modules.add(Catalogue.moduleID(index))
      modules.add(code)
      modules.add(code)
      modules.add(Catalogue.moduleCategories[index])
      modules.add(Int64(Catalogue.modulePrices[index] * 10_000))
      modules.add("USD")
    }
    return [
      (SimulatedTables.plans, plans.finish()), (SimulatedTables.modules, modules.finish()),
    ]
  }

  /// The exchange rates recorded from `start` on (`nil` for all) and before the world's end.
  package static func exchangeRates(
    in settings: WorldSettings, from start: Timestamp?
  ) -> (table: SourceTable, batch: Batch) {
    var rows = RowBuilder(SimulatedTables.exchangeRates.fields)
    for index in Geography.currencies.indices.dropFirst() {
      for row in SimulatedRates.rows(
        currency: index, in: settings, from: start?.microseconds, to: settings.cut.microseconds)
      {
        rows.add("USD")
        rows.add(Geography.currencies[index].code)
        rows.add(count: Int(row.date.daysSinceEpoch))
        rows.add(wide: row.tenBillionths)
        rows.add(row.recordedAt)
      }
    }
    return (SimulatedTables.exchangeRates, rows.finish())
  }
}
