extension Migration {
  /// The zone in which each stage has computed a company's days.
  static let companyZones = Migration(
    number: 10, name: "company_zones",
    sql: Schema.almanac.opening + #"""
      CREATE TABLE almanac.company_zones (
        company_id uuid NOT NULL,
        stage text NOT NULL,
        zone text NOT NULL,
        PRIMARY KEY (company_id, stage)
      );
      COMMENT ON TABLE almanac.company_zones IS
        'The zone in which a stage has computed the days of a company, with zone: company.';
      COMMENT ON COLUMN almanac.company_zones.company_id IS 'The company.';
      COMMENT ON COLUMN almanac.company_zones.stage IS 'Name of the stage.';
      COMMENT ON COLUMN almanac.company_zones.zone IS
        'Name of the zone; empty while days of another one are being computed again.';
      ALTER TABLE almanac.company_zones ENABLE ROW LEVEL SECURITY;
      CREATE POLICY company ON almanac.company_zones FOR SELECT TO almanac_api
        USING (company_id = (SELECT nullif(current_setting('almanac.company_id', true), '')::uuid)
          OR pg_has_role(current_user, 'almanac_admin', 'member'));
      """#)
}
