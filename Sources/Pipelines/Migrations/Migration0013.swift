extension Migration {
  /// The rows of a forecast as text at once, which is the same text in half the time.
  static let rendering = Migration(
    number: 13, name: "rendering",
    sql: Schema.api.opening + #"""
      DO $$
      DECLARE
        definition text := pg_get_functiondef(
          'api.revenue_forecast(text, text, text, date, date)'::regprocedure);
        faster text := regexp_replace(definition,
          'json_agg\(json_build_object\(.*\) ORDER BY f\.period_start\)',
          $rows$('[' || string_agg(
                  '{"period_start" : "' || to_char(f.period_start, 'YYYY-MM-DD')
                  || '", "horizon" : ' || f.horizon || ', "predicted" : ' || f.predicted
                  || ', "lower_80" : ' || coalesce(f.lower_80::text, 'null')
                  || ', "upper_80" : ' || coalesce(f.upper_80::text, 'null')
                  || ', "lower_95" : ' || coalesce(f.lower_95::text, 'null')
                  || ', "upper_95" : ' || coalesce(f.upper_95::text, 'null') || '}',
                  ', ' ORDER BY f.period_start) || ']')::json$rows$);
      BEGIN
        IF faster = definition THEN
          RAISE EXCEPTION 'api.revenue_forecast is not the one of the migrations before';
        END IF;
        EXECUTE faster;
      END
      $$;
      """#)
}
