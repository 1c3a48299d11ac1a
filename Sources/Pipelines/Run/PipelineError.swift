package import AlmanacCore

/// What can go wrong in a run beyond what its connections, files and documents report themselves.
package enum PipelineError: ExitStatusConvertible, Equatable {
  /// Another run holds the lock.
  case alreadyRunning(holder: String)
  /// The run lost its lock to another one, so it may write nothing more.
  case lockLost
  /// The process was asked to end.
  case interrupted(Interruption.Signal)
  /// A stage took longer than the pipeline lets it.
  case timedOut(stage: String, seconds: Int64)
  /// The manifest was written by a newer version of the program.
  case newerManifest(path: String, version: Int)
  /// A folder given for the data holds files of somebody else.
  case foreignFolder(path: String)
  /// A part of the data directory is not what the manifest says.
  case damagedPart(path: String, reason: String)
  /// A source table does not exist, or its schema may not be used.
  case missingTable(dataset: String, table: String)
  /// The role may not read a table of the source, or only some columns of it.
  case unreadableTable(dataset: String, table: String)
  /// The server refuses the query of a dataset.
  case unusableQuery(dataset: String, reason: String)
  /// A source column does not exist.
  case missingColumn(dataset: String, table: String, column: String, suggestion: String)
  /// A source column has a type that cannot be read as the declared one.
  case wrongType(
    dataset: String, table: String, column: String, found: String, expected: String)
  /// A column that dates or identifies rows arrives as text that would have to be parsed; `mend` is
  /// the line of the dataset's file that has the server cast it.
  case roleAsText(dataset: String, column: String, role: String, found: String, mend: String)
  /// The mode reads rows by their transactions, and those of the source carry none.
  case noTransactions(dataset: String, table: String, kind: String, mode: String)
  /// Rows that are held and that the source no longer has do not fit the dataset's columns.
  case columnsChanged(dataset: String, column: String)
  /// A dataset's file says otherwise than before what the day, the key or the version of a row is.
  case layoutChanged(dataset: String, key: String)
  /// Connections to the source led to different databases while it was read.
  case sourceChanged(dataset: String)
  /// Somebody is about to alter or rewrite a table of the source.
  case sourceBusy(dataset: String, table: String)
  /// The source is a standby that has not replayed what was read before.
  case standbyBehind(dataset: String)
  /// A source table has no row.
  case emptySource(dataset: String, table: String)
  /// The logical date lies outside the data.
  case dateWithoutData(date: CalendarDate, first: CalendarDate, last: CalendarDate)
  /// The logical date has not ended yet.
  case dateNotOver(date: CalendarDate, zone: String)
  /// A time that is looked back to lies after all that was read from the source.
  case notYetKnown(moment: String, lastCut: String)
  /// A stage needs a dataset that no earlier run extracted.
  case notExtracted(dataset: String)
  /// What the ledger keeps of a version of a model cannot be used.
  case unreadableModel(model: String, version: String, reason: String)
  /// There is no pipeline of that name.
  case unknownPipeline(name: String, suggestion: String, known: [String])
  /// The pipeline has no stage of that name.
  case unknownStage(name: String, pipeline: String, suggestion: String, known: [String])
  /// The stages that were asked for and not left out again are none.
  case nothingSelected(pipeline: String)
  /// Of the stages that were asked for, none goes by days that could be done again.
  case nothingToBackfill(pipeline: String)
  /// Of the companies whose days are to be done again, the tables hold no number on these days.
  case noDaysOfCompanies(range: ClosedRange<CalendarDate>)
  /// Days to do again lie after the logical date.
  case backfillAhead(last: CalendarDate, date: CalendarDate)
  /// There is no time zone of that name.
  case unknownZone(name: String)
  /// Days are to be those of each company, and nothing says where companies are.
  case noCompanyZones(reason: String)
  /// An amount is in a currency that is not the reporting currency.
  case foreignCurrency(dataset: String, currency: String, reporting: String)
  /// A folder of the project is missing.
  case missingProject(path: String)
  /// The run to publish holds no predictions.
  case nothingToPublish(run: String)
  /// The rows of a run and model disagree on their version or times.
  case mixedPredictions(model: String)
  /// The run to publish did not end predicting.
  case unfinishedRun(run: String)
  /// The predictions that an earlier publication showed are not kept.
  case cannotRestore(publication: Int, model: String)
  /// The rows in a table are not those the stage wrote.
  case countMismatch(table: String, expected: Int, found: Int)
  /// What a stage counted of events is not what daily rollups hold.
  case usageMismatch(
    what: String, company: UUIDValue, period: String, counted: String, rolledUp: String)
  /// No run of that kind is in the ledger.
  case noSuchRun(what: String)
  /// No version of that name is in the ledger.
  case noSuchVersion(what: String)
  /// Nothing was published of that, and what to do.
  case noSuchPrediction(what: String, hint: String)
  /// A version may not be chosen to serve.
  case cannotChoose(version: String, reason: String)
  /// A server answered a plain question with nonsense.
  case unexpectedAnswer(what: String)

  /// The exit status that `style` of the error asks for.
  package var exitStatus: ExitStatus {
    switch self {
    case .alreadyRunning, .lockLost, .sourceChanged, .sourceBusy, .standbyBehind, .timedOut:
      .temporaryFailure
    case .interrupted(let signal): signal.exitStatus
    case .newerManifest, .unknownPipeline, .unknownZone, .noCompanyZones, .layoutChanged,
      .noTransactions, .columnsChanged, .unusableQuery:
      .configuration
    case .unreadableTable: .noPermission
    case .foreignFolder: .cannotCreate
    case .damagedPart, .wrongType, .roleAsText, .foreignCurrency, .countMismatch, .usageMismatch,
      .mixedPredictions, .cannotChoose:
      .badData
    case .missingTable, .missingColumn, .emptySource, .dateWithoutData,
      .notExtracted, .unreadableModel, .missingProject, .nothingToPublish, .noSuchRun,
      .unfinishedRun, .cannotRestore, .noSuchVersion, .noSuchPrediction:
      .missingInput
    case .dateNotOver, .unknownStage, .notYetKnown, .nothingSelected, .nothingToBackfill,
      .backfillAhead, .noDaysOfCompanies:
      .usage
    case .unexpectedAnswer: .internalError
    }
  }

  /// One line that says what is wrong and what to do.
  package var description: String {
    switch self {
    case .alreadyRunning(let holder):
      "another run is at work (\(holder)); wait for it to end and try again"
    case .lockLost:
      "this run lost its lock to another run and wrote nothing more; run it again"
    case .interrupted(let signal):
      "interrupted by \(signal.rawValue); what was finished is kept, and the same command goes on"
    case .timedOut(let stage, let seconds):
      "the stage \(stage) took longer than the \(seconds) s that `timeouts:` gives it; what was "
        + "finished is kept, and the same command goes on"
    case .newerManifest(let path, let version):
      "\(path) has version \(version), this program knows \(Manifest.currentVersion); "
        + "use the newer program or another --data folder"
    case .foreignFolder(let path):
      "\(path) holds files but is no data folder; give --data an empty or a new folder"
    case .damagedPart(let path, let reason):
      "\(path) in the data folder is damaged: \(reason); "
        + "run the extract stage again, which replaces it"
    case .missingTable(let dataset, let table):
      "dataset \(dataset): the source has no table \(table), or its schema may not be used; "
        + "correct `from:` in datasets/\(dataset).yaml or grant USAGE and SELECT"
    case .unreadableTable(let dataset, let table):
      "dataset \(dataset): permission denied for \(table): the role of the source may not read it, or "
        + "only some of its columns; GRANT SELECT ON \(table) to it"
    case .unusableQuery(let dataset, let reason):
      "dataset \(dataset): the server refuses its query: \(reason); correct `query:` in datasets/"
        + "\(dataset).yaml"
    case .missingColumn(let dataset, let table, let column, let suggestion):
      "dataset \(dataset): \(table) has no column \(column)\(suggestion); "
        + "correct datasets/\(dataset).yaml"
    case .wrongType(let dataset, let table, let column, let found, let expected):
      "dataset \(dataset): \(column) of \(table) is \(found), which cannot be read as \(expected); "
        + "cast it in datasets/\(dataset).yaml"
    case .roleAsText(let dataset, let column, let role, let found, let mend):
      "dataset \(dataset): \(column), which `\(role)` names, is \(found), where one malformed value "
        + "would take a row's \(role == "key" ? "identity" : "place in time"); cast it in SQL in "
        + "datasets/\(dataset).yaml: `\(mend)`" + (role == "key" ? ", or declare it as text" : "")
    case .noTransactions(let dataset, let table, let kind, let mode):
      "dataset \(dataset): \(table) is \(kind), whose rows carry no transaction; mode \(mode) needs "
        + "one: set `mode: full` in datasets/\(dataset).yaml"
    case .columnsChanged(let dataset, let column):
      "dataset \(dataset): rows that the source no longer has hold no \(column) as datasets/"
        + "\(dataset).yaml declares it; let it be missing (\"?\"), keep its old name and type, or "
        + "forget them with `almanac datasets reset \(dataset)`"
    case .layoutChanged(let dataset, let key):
      "dataset \(dataset): `\(key)` in datasets/\(dataset).yaml is not that of the rows that are held; "
        + "undo the change, or forget them with `almanac datasets reset \(dataset)`, after which "
        + "everything is read anew"
    case .standbyBehind(let dataset):
      "dataset \(dataset): the source is a standby that has not replayed yet what was read before; "
        + "try again when it has caught up, or name the primary with --source"
    case .sourceBusy(let dataset, let table):
      "dataset \(dataset): another session is about to alter or rewrite \(table); nothing was kept of "
        + "this extraction: try again when that has ended"
    case .sourceChanged(let dataset):
      "dataset \(dataset): the source became another server while it was read; run it again"
    case .emptySource(let dataset, let table):
      "dataset \(dataset): \(table) is empty; check --source, or load data first"
    case .dateWithoutData(let date, let first, let last):
      "there is no data for \(date): the source holds \(first) to \(last); give a --date in there"
    case .dateNotOver(let date, let zone):
      "\(date) is not over yet in zone \(zone); give an earlier --date"
    case .notYetKnown(let moment, let lastCut):
      "--as-of \(moment): the snapshots know the source up to \(lastCut); give an earlier day or "
        + "instant, or leave --as-of out for what is known now"
    case .unreadableModel(let model, let version, let reason):
      "version \(version) of the model \(model) cannot be used: \(reason)"
    case .notExtracted(let dataset):
      "dataset \(dataset) is not in the data folder; run the extract stage first"
    case .unknownPipeline(let name, let suggestion, let known):
      "there is no pipeline \"\(name)\"\(suggestion); known: \(known.joined(separator: ", "))"
    case .unknownStage(let name, let pipeline, let suggestion, let known):
      "pipeline \(pipeline) has no stage \"\(name)\"\(suggestion); "
        + "its stages: \(known.joined(separator: ", "))"
    case .nothingSelected(let pipeline):
      "no stage of pipeline \(pipeline) is left by --only and --skip; leave one of them out"
    case .nothingToBackfill(let pipeline):
      "no stage of pipeline \(pipeline) that is asked for goes by days; leave --from and --to out, or "
        + "name such a stage: rollup, metrics, cohorts, funnels, usage"
    case .noDaysOfCompanies(let range):
      "the daily rollups and metrics hold no number of what --company names from \(range.lowerBound) to "
        + "\(range.upperBound); see `almanac query rollup --company ID` for its days, or leave "
        + "--company out"
    case .backfillAhead(let last, let date):
      "--to \(last) is after \(date), the date that is computed; give an earlier --to, or a later "
        + "--date"
    case .unknownZone(let name):
      "there is no time zone \"\(name)\"; use a name such as Europe/London, or install tzdata"
    case .noCompanyZones(let reason):
      "the pipeline has `zone: company`, but \(reason); declare it in datasets/companies.yaml, or "
        + "name a zone such as Europe/London"
    case .foreignCurrency(let dataset, let currency, let reporting):
      "dataset \(dataset) holds amounts in \(currency), the reporting currency is \(reporting); "
        + "this version does not convert: set `currency: \(currency)` in the pipeline, or convert "
        + "in the dataset's `query:`"
    case .missingProject(let path):
      "\(path) is missing; run in the folder that holds pipelines, models and datasets, or name "
        + "it with --project"
    case .nothingToPublish(let run):
      "run \(run.prefix(8)) holds no predictions to publish; give --only predict,publish"
    case .mixedPredictions(let model):
      "the predictions of model \(model) are not of one version, day and extraction; nothing was "
        + "published: run the stages predict and publish again"
    case .unfinishedRun(let run):
      "run \(run.prefix(8)) did not end predicting; nothing was published: choose another run, "
        + "`almanac status` lists them"
    case .cannotRestore(let publication, let model):
      "publication \(publication) cannot be brought back: its predictions of model \(model) are "
        + "not kept; nothing was changed"
    case .countMismatch(let table, let expected, let found):
      "\(table) holds \(found) rows of this run instead of \(expected); nothing was published"
    case .usageMismatch(let what, let company, let period, let counted, let rolledUp):
      "company \(company) has \(counted) \(what) on \(period), but \(rolledUp) in "
        + "analytics.daily_rollups; nothing was written: run the stages rollup and usage with --force"
    case .unexpectedAnswer(let what):
      "the target gave \(what); please report it with the server's version"
    case .noSuchPrediction(let what, let hint): "\(what); \(hint)"
    case .noSuchVersion(let what): "\(what); `almanac models list` shows what there is"
    case .cannotChoose(let version, let reason): "\(version) cannot be chosen: \(reason)"
    case .noSuchRun(let what): "\(what); run `almanac status` to see what there is"
    }
  }
}
