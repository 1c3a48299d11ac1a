/// The schemas of the target.
package enum Schema: String, CaseIterable, Sendable {
  /// The ledger.
  case almanac
  /// Rollups, metrics, cohorts and funnels.
  case analytics
  /// Predictions of every run, and outcomes.
  case predictions
  /// What readers see.
  case api

  /// The role that creates what is in it.
  package var owner: Role { self == .api ? .api : .writer }

  /// The role that is let in to look at it.
  package var reader: Role { self == .api ? .reader : .api }

  /// What the schema holds, in one line.
  private var comment: String {
    switch self {
    case .almanac:
      "The ledger of Almanac: what ran, what is done, which models serve, what is published."
    case .analytics:
      "What Almanac makes of events and billing records: rollups, metrics, cohorts, funnels."
    case .predictions: "Every prediction of every run kept, and what became of it."
    case .api: "The only schema readers use: published rows, for one company at a time."
    }
  }

  /// The statements that create the schema, let its reader in and continue as its owner.
  ///
  /// A schema that is there already is taken as it is: an administrator may have made it, or the
  /// platform may keep tables of its own in one of that name.
  var opening: String {
    """
    DO $$
    BEGIN
      IF to_regnamespace('\(rawValue)') IS NULL THEN
        CREATE SCHEMA \(rawValue) AUTHORIZATION \(owner.rawValue);
      END IF;
    END
    $$;
    SET LOCAL ROLE \(owner.rawValue);
    DO $$
    BEGIN
      IF EXISTS (SELECT FROM pg_namespace
          WHERE nspname = '\(rawValue)' AND nspowner = '\(owner.rawValue)'::regrole) THEN
        COMMENT ON SCHEMA \(rawValue) IS '\(comment)';
        GRANT USAGE ON SCHEMA \(rawValue) TO \(reader.rawValue);
      END IF;
    END
    $$;

    """
  }

  /// What the owner of a schema that is there already has to grant.
  package var neededGrants: String {
    "GRANT USAGE, CREATE ON SCHEMA \(rawValue) TO \(owner.rawValue); "
      + "GRANT USAGE ON SCHEMA \(rawValue) TO \(reader.rawValue);"
  }
}
