extension Migration {
  /// The ledger: runs, stages, intervals, watermarks, locks, models and publications.
  ///
  /// Nothing here belongs to a company, so nothing here has row-level security; readers have no
  /// right on the schema, and the views of `api` show them what they may know.
  static let ledger = Migration(
    number: 1, name: "ledger",
    sql: Schema.almanac.opening + #"""
      CREATE TABLE almanac.migrations (
        version integer PRIMARY KEY,
        name text NOT NULL,
        checksum text NOT NULL,
        applied_by text NOT NULL DEFAULT session_user,
        applied_at timestamptz NOT NULL DEFAULT now()
      );
      COMMENT ON TABLE almanac.migrations IS
        'The migrations applied to this database; the greatest version is the schema''s.';
      COMMENT ON COLUMN almanac.migrations.version IS 'Number of the migration, from 1 without gaps.';
      COMMENT ON COLUMN almanac.migrations.name IS 'Name of the migration.';
      COMMENT ON COLUMN almanac.migrations.checksum IS
        'Checksum of its SQL, so that an edited migration is noticed.';
      COMMENT ON COLUMN almanac.migrations.applied_by IS 'The login role that applied it.';
      COMMENT ON COLUMN almanac.migrations.applied_at IS 'When it was applied.';

      CREATE TABLE almanac.runs (
        run_id uuid PRIMARY KEY,
        pipeline text NOT NULL,
        logical_date date NOT NULL,
        settings_digest text NOT NULL,
        status text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'noop')),
        started_at timestamptz NOT NULL,
        finished_at timestamptz,
        jobs integer NOT NULL CHECK (jobs > 0),
        forced boolean NOT NULL DEFAULT false,
        program_version text NOT NULL,
        source_system_identifier text,
        data_directory_id uuid,
        manifest_digest text,
        recorded_cut timestamptz,
        error text,
        host text,
        pid integer,
        CHECK ((status = 'running') = (finished_at IS NULL))
      );
      CREATE INDEX runs_started_at_idx ON almanac.runs (started_at);
      CREATE INDEX runs_pipeline_logical_date_idx ON almanac.runs (pipeline, logical_date);
      COMMENT ON TABLE almanac.runs IS 'Every run of a pipeline.';
      COMMENT ON COLUMN almanac.runs.run_id IS 'Identity of the run.';
      COMMENT ON COLUMN almanac.runs.pipeline IS 'Name of the pipeline.';
      COMMENT ON COLUMN almanac.runs.logical_date IS 'The day the run is for.';
      COMMENT ON COLUMN almanac.runs.settings_digest IS
        'Digest of the definitions it ran with, or a word where it ran only some stages.';
      COMMENT ON COLUMN almanac.runs.status IS
        'How it stands: running, succeeded, failed, or noop when there was nothing to do.';
      COMMENT ON COLUMN almanac.runs.started_at IS 'When it started.';
      COMMENT ON COLUMN almanac.runs.finished_at IS 'When it ended; null while it runs.';
      COMMENT ON COLUMN almanac.runs.jobs IS 'How many tasks it may do at once.';
      COMMENT ON COLUMN almanac.runs.forced IS 'Whether finished work was done again on request.';
      COMMENT ON COLUMN almanac.runs.program_version IS 'Version of the program.';
      COMMENT ON COLUMN almanac.runs.source_system_identifier IS
        'The source: system identifier of its cluster, a slash, and oid of the database.';
      COMMENT ON COLUMN almanac.runs.data_directory_id IS 'Identity of the data directory used.';
      COMMENT ON COLUMN almanac.runs.manifest_digest IS
        'Digest of the data directory''s manifest at the end.';
      COMMENT ON COLUMN almanac.runs.recorded_cut IS
        'The instant of the extraction: rows recorded by then are in the run.';
      COMMENT ON COLUMN almanac.runs.error IS 'Why it failed, in one line.';
      COMMENT ON COLUMN almanac.runs.host IS 'Machine it runs on.';
      COMMENT ON COLUMN almanac.runs.pid IS 'Process it runs in.';

      CREATE TABLE almanac.stage_runs (
        run_id uuid NOT NULL,
        stage text NOT NULL,
        sequence integer NOT NULL,
        status text NOT NULL
          CHECK (status IN ('running', 'succeeded', 'failed', 'skipped', 'noop')),
        started_at timestamptz NOT NULL,
        finished_at timestamptz,
        rows_in bigint,
        rows_out bigint,
        bytes bigint,
        detail jsonb,
        error text,
        PRIMARY KEY (run_id, stage)
      );
      COMMENT ON TABLE almanac.stage_runs IS 'Every stage of every run.';
      COMMENT ON COLUMN almanac.stage_runs.run_id IS 'The run.';
      COMMENT ON COLUMN almanac.stage_runs.stage IS 'Name of the stage.';
      COMMENT ON COLUMN almanac.stage_runs.sequence IS 'Place of the stage within the run, 1 first.';
      COMMENT ON COLUMN almanac.stage_runs.status IS
        'How it stands: running, succeeded, failed, skipped (its input is absent) or noop.';
      COMMENT ON COLUMN almanac.stage_runs.started_at IS 'When it started.';
      COMMENT ON COLUMN almanac.stage_runs.finished_at IS 'When it ended; null while it runs.';
      COMMENT ON COLUMN almanac.stage_runs.rows_in IS 'Rows it read.';
      COMMENT ON COLUMN almanac.stage_runs.rows_out IS 'Rows it wrote.';
      COMMENT ON COLUMN almanac.stage_runs.bytes IS 'Bytes it wrote.';
      COMMENT ON COLUMN almanac.stage_runs.detail IS 'What else it counted.';
      COMMENT ON COLUMN almanac.stage_runs.error IS 'Why it failed, in one line.';

      CREATE TABLE almanac.intervals (
        stage text NOT NULL,
        interval_start date NOT NULL,
        interval_end date NOT NULL,
        run_id uuid NOT NULL,
        inputs_digest text NOT NULL,
        settings_digest text NOT NULL,
        rows bigint NOT NULL,
        finished_at timestamptz NOT NULL,
        PRIMARY KEY (stage, interval_start),
        CHECK (interval_start < interval_end)
      );
      COMMENT ON TABLE almanac.intervals IS
        'The intervals each stage has written; a row appears in the same transaction as its output.';
      COMMENT ON COLUMN almanac.intervals.stage IS
        'Name of the stage, with the grain where it has several.';
      COMMENT ON COLUMN almanac.intervals.interval_start IS 'First day of the interval.';
      COMMENT ON COLUMN almanac.intervals.interval_end IS 'The day after its last day.';
      COMMENT ON COLUMN almanac.intervals.run_id IS 'The run that wrote it last.';
      COMMENT ON COLUMN almanac.intervals.inputs_digest IS
        'Digest of the input partitions it was made from.';
      COMMENT ON COLUMN almanac.intervals.settings_digest IS
        'Digest of the settings it was made with.';
      COMMENT ON COLUMN almanac.intervals.rows IS 'Rows in the partitions it was made from.';
      COMMENT ON COLUMN almanac.intervals.finished_at IS 'When it was written.';

      CREATE TABLE almanac.watermarks (
        dataset text PRIMARY KEY,
        data_directory_id uuid NOT NULL,
        manifest_digest text NOT NULL,
        snapshot text,
        system_identifier text,
        database_oid bigint,
        table_oid bigint,
        rows bigint NOT NULL,
        run_id uuid NOT NULL,
        recorded_at timestamptz NOT NULL
      );
      COMMENT ON TABLE almanac.watermarks IS
        'How far each dataset is extracted: a copy for reporting, the manifest is the authority.';
      COMMENT ON COLUMN almanac.watermarks.dataset IS 'Name of the dataset.';
      COMMENT ON COLUMN almanac.watermarks.data_directory_id IS
        'Identity of the data directory that holds it.';
      COMMENT ON COLUMN almanac.watermarks.manifest_digest IS
        'Digest of the directory''s manifest after the extraction.';
      COMMENT ON COLUMN almanac.watermarks.snapshot IS
        'The source''s snapshot the extraction read in, as pg_snapshot text.';
      COMMENT ON COLUMN almanac.watermarks.system_identifier IS
        'System identifier of the source''s cluster.';
      COMMENT ON COLUMN almanac.watermarks.database_oid IS 'Object identifier of the database.';
      COMMENT ON COLUMN almanac.watermarks.table_oid IS 'Object identifier of the table.';
      COMMENT ON COLUMN almanac.watermarks.rows IS 'Rows the dataset holds.';
      COMMENT ON COLUMN almanac.watermarks.run_id IS 'The run that extracted last.';
      COMMENT ON COLUMN almanac.watermarks.recorded_at IS 'When that was.';

      CREATE TABLE almanac.locks (
        name text PRIMARY KEY,
        token bigint NOT NULL CHECK (token > 0),
        run_id uuid,
        holder text,
        acquired_at timestamptz NOT NULL,
        released_at timestamptz
      );
      COMMENT ON TABLE almanac.locks IS
        'The run lock. Every writing transaction first checks that its token is still the row''s.';
      COMMENT ON COLUMN almanac.locks.name IS 'What is locked.';
      COMMENT ON COLUMN almanac.locks.token IS
        'Fencing token: one more at each acquisition, never reused.';
      COMMENT ON COLUMN almanac.locks.run_id IS 'The run that acquired it last.';
      COMMENT ON COLUMN almanac.locks.holder IS 'Machine and process of that run.';
      COMMENT ON COLUMN almanac.locks.acquired_at IS 'When it was acquired last.';
      COMMENT ON COLUMN almanac.locks.released_at IS 'When it was released; null while it is held.';

      CREATE TABLE almanac.model_versions (
        model text NOT NULL,
        model_version text NOT NULL,
        specification jsonb NOT NULL,
        coefficients jsonb NOT NULL,
        standard_errors jsonb,
        training_start date,
        training_end date,
        data_digest text NOT NULL,
        scores jsonb,
        gate jsonb,
        status text NOT NULL CHECK (status IN ('champion', 'challenger', 'rejected', 'retired')),
        created_at timestamptz NOT NULL,
        run_id uuid NOT NULL,
        PRIMARY KEY (model, model_version)
      );
      CREATE UNIQUE INDEX model_versions_champion_idx
        ON almanac.model_versions (model) WHERE status = 'champion';
      COMMENT ON TABLE almanac.model_versions IS
        'Every fitted model; at most one version of a model is its champion.';
      COMMENT ON COLUMN almanac.model_versions.model IS 'Name of the model.';
      COMMENT ON COLUMN almanac.model_versions.model_version IS 'Version, unique within the model.';
      COMMENT ON COLUMN almanac.model_versions.specification IS 'The settings it was fitted with.';
      COMMENT ON COLUMN almanac.model_versions.coefficients IS 'What the fit found.';
      COMMENT ON COLUMN almanac.model_versions.standard_errors IS
        'Standard errors of the coefficients.';
      COMMENT ON COLUMN almanac.model_versions.training_start IS 'First day of the training window.';
      COMMENT ON COLUMN almanac.model_versions.training_end IS 'The day after its last day.';
      COMMENT ON COLUMN almanac.model_versions.data_digest IS 'Digest of the training data.';
      COMMENT ON COLUMN almanac.model_versions.scores IS 'Scores, beside those of the baselines.';
      COMMENT ON COLUMN almanac.model_versions.gate IS 'The checks of the gate and their outcome.';
      COMMENT ON COLUMN almanac.model_versions.status IS
        'Whether it serves (champion), waits (challenger), was refused or has served.';
      COMMENT ON COLUMN almanac.model_versions.created_at IS 'When it was fitted.';
      COMMENT ON COLUMN almanac.model_versions.run_id IS 'The run that fitted it.';

      CREATE TABLE almanac.gate_results (
        run_id uuid NOT NULL,
        model text NOT NULL,
        model_version text,
        champion_version text,
        baseline text,
        passed boolean NOT NULL,
        decision text NOT NULL CHECK (decision IN ('promoted', 'kept', 'baseline')),
        reason text NOT NULL,
        checks jsonb NOT NULL,
        decided_at timestamptz NOT NULL,
        PRIMARY KEY (run_id, model)
      );
      COMMENT ON TABLE almanac.gate_results IS 'Every decision on which model may be published.';
      COMMENT ON COLUMN almanac.gate_results.run_id IS 'The run that decided.';
      COMMENT ON COLUMN almanac.gate_results.model IS 'Name of the model.';
      COMMENT ON COLUMN almanac.gate_results.model_version IS
        'The candidate; null when nothing could be fitted.';
      COMMENT ON COLUMN almanac.gate_results.champion_version IS
        'The champion it was compared with; null when there was none.';
      COMMENT ON COLUMN almanac.gate_results.baseline IS
        'The best naive baseline it was compared with.';
      COMMENT ON COLUMN almanac.gate_results.passed IS 'Whether the candidate passed.';
      COMMENT ON COLUMN almanac.gate_results.decision IS
        'What serves from now on: the candidate (promoted), the champion (kept) or the baseline.';
      COMMENT ON COLUMN almanac.gate_results.reason IS 'Why, in one line.';
      COMMENT ON COLUMN almanac.gate_results.checks IS 'Each check with its value and its limit.';
      COMMENT ON COLUMN almanac.gate_results.decided_at IS 'When it was decided.';

      CREATE TABLE almanac.source_contract_results (
        run_id uuid NOT NULL,
        dataset text NOT NULL,
        check_name text NOT NULL,
        level text NOT NULL CHECK (level IN ('warn', 'error')),
        passed boolean NOT NULL,
        rows_checked bigint,
        rows_bad bigint,
        detail jsonb,
        checked_at timestamptz NOT NULL,
        PRIMARY KEY (run_id, dataset, check_name)
      );
      COMMENT ON TABLE almanac.source_contract_results IS
        'Every check of the source contract in every run.';
      COMMENT ON COLUMN almanac.source_contract_results.run_id IS 'The run that checked.';
      COMMENT ON COLUMN almanac.source_contract_results.dataset IS 'Name of the dataset.';
      COMMENT ON COLUMN almanac.source_contract_results.check_name IS
        'Name of the check, unique within the dataset.';
      COMMENT ON COLUMN almanac.source_contract_results.level IS
        'Whether a failure warns or stops the run.';
      COMMENT ON COLUMN almanac.source_contract_results.passed IS 'Whether it passed.';
      COMMENT ON COLUMN almanac.source_contract_results.rows_checked IS 'Rows looked at.';
      COMMENT ON COLUMN almanac.source_contract_results.rows_bad IS 'Rows that break the check.';
      COMMENT ON COLUMN almanac.source_contract_results.detail IS 'Values found and limits.';
      COMMENT ON COLUMN almanac.source_contract_results.checked_at IS 'When it was checked.';

      CREATE TABLE almanac.published (
        publication_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
        published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        pipeline text NOT NULL,
        run_id uuid NOT NULL,
        token bigint NOT NULL,
        restores bigint,
        as_of date NOT NULL,
        valid_until timestamptz NOT NULL
      );
      CREATE INDEX published_published_at_idx ON almanac.published (published_at);
      COMMENT ON TABLE almanac.published IS
        'The pointer readers follow: the row with the greatest publication_id is in force, the '
        'others are its history. Rows are only added, by a holder of the run lock; a rollback adds '
        'a row that names the runs of an earlier one.';
      COMMENT ON COLUMN almanac.published.publication_id IS 'Identity, ever greater.';
      COMMENT ON COLUMN almanac.published.published_at IS 'When it came in force.';
      COMMENT ON COLUMN almanac.published.pipeline IS 'Name of the pipeline that published.';
      COMMENT ON COLUMN almanac.published.run_id IS 'The run that published.';
      COMMENT ON COLUMN almanac.published.token IS 'Fencing token it was published under.';
      COMMENT ON COLUMN almanac.published.restores IS
        'The earlier publication a rollback brings back; null otherwise.';
      COMMENT ON COLUMN almanac.published.as_of IS 'The latest day its models were asked for.';
      COMMENT ON COLUMN almanac.published.valid_until IS
        'The earliest instant at which the predictions of one of its models are stale.';

      CREATE TABLE almanac.published_runs (
        publication_id bigint NOT NULL,
        model text NOT NULL,
        run_id uuid NOT NULL,
        model_version text NOT NULL,
        as_of date NOT NULL,
        recorded_cut timestamptz NOT NULL,
        valid_until timestamptz NOT NULL,
        rows bigint NOT NULL,
        PRIMARY KEY (publication_id, model)
      );
      CREATE INDEX published_runs_run_id_idx ON almanac.published_runs (run_id);
      COMMENT ON TABLE almanac.published_runs IS
        'The run each publication shows of each of its models. Every publication lists every '
        'model it shows, the unchanged ones too.';
      COMMENT ON COLUMN almanac.published_runs.publication_id IS 'The publication.';
      COMMENT ON COLUMN almanac.published_runs.model IS 'Name of the model.';
      COMMENT ON COLUMN almanac.published_runs.run_id IS 'The run whose predictions are shown.';
      COMMENT ON COLUMN almanac.published_runs.model_version IS
        'The version that made them, or the label of the baseline.';
      COMMENT ON COLUMN almanac.published_runs.as_of IS 'The day they were made for.';
      COMMENT ON COLUMN almanac.published_runs.recorded_cut IS
        'The instant of the extraction they rest on.';
      COMMENT ON COLUMN almanac.published_runs.valid_until IS 'From when on they are stale.';
      COMMENT ON COLUMN almanac.published_runs.rows IS 'Number of predictions.';

      GRANT SELECT ON almanac.published, almanac.published_runs TO almanac_api;
      """#)
}
