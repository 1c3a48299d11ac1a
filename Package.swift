// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: the strictest the toolchain offers, so that each use of a
/// pointer carries `unsafe` and each warning stops the build.
let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A library target of the program; `dependencies` name only targets of the same or a lower layer.
func module(_ name: String, _ dependencies: [String]) -> Target {
  .target(
    name: name, dependencies: dependencies.map { .byName(name: $0) }, swiftSettings: settings)
}

/// The tests of one module.
func tests(_ name: String, _ dependencies: [String], exclude: [String] = []) -> Target {
  .testTarget(
    name: name, dependencies: (dependencies + ["TestSupport"]).map { .byName(name: $0) },
    exclude: exclude, swiftSettings: settings)
}

let package = Package(
  name: "almanac",
  products: [
    .executable(name: "almanac", targets: ["almanac"]),
    .executable(name: "almanac-bench", targets: ["almanac-bench"]),
  ],
  targets: [
    // Layer 0: system libraries.
    .systemLibrary(
      name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
    .systemLibrary(
      name: "CLAPACK", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev", "liblapacke-dev"]), .brew(["openblas"])]),
    .systemLibrary(
      name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
    .systemLibrary(
      name: "CSnappy", pkgConfig: "snappy",
      providers: [.apt(["libsnappy-dev"]), .brew(["snappy"])]),
    .systemLibrary(
      name: "CCrypto", pkgConfig: "libcrypto",
      providers: [.apt(["libssl-dev"]), .brew(["openssl"])]),
    .systemLibrary(
      name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl",
      providers: [.apt(["libcurl4-openssl-dev"]), .brew(["curl"])]),

    // Layer 1: base.
    module("AlmanacCore", []),
    module("Columns", ["AlmanacCore"]),
    module("Codecs", ["CZstd", "CSnappy", "CCrypto", "AlmanacCore"]),

    // Layer 2: edges and linear algebra.
    module("Files", ["AlmanacCore"]),
    module("Postgres", ["CPostgres", "AlmanacCore", "Columns"]),
    module("Parquet", ["AlmanacCore", "Columns", "Codecs"]),
    module("Documents", ["CYAML", "AlmanacCore"]),
    module("Notifications", ["CCurl"]),
    module("LinearAlgebra", ["CLAPACK"]),

    // Layer 3: pure computation.
    module("Rollups", ["AlmanacCore", "Columns"]),
    module("Regression", ["AlmanacCore", "LinearAlgebra"]),
    module("Forecasting", ["AlmanacCore", "LinearAlgebra", "Regression"]),

    // Layer 4: domain.
    module("Billing", ["AlmanacCore", "Columns"]),
    module("SampleSources", ["AlmanacCore", "Columns", "Codecs", "Billing"]),
    module("Simulation", ["AlmanacCore", "Columns", "Billing"]),
    module("Predictions", ["AlmanacCore", "Columns", "Billing", "Forecasting", "Regression"]),

    // Layer 5: run.
    module(
      "Pipelines",
      [
        "AlmanacCore", "Columns", "Codecs", "Files", "Postgres", "Parquet", "Documents", "Rollups",
        "Forecasting", "Billing", "Predictions", "Regression", "Notifications",
      ]),

    // Layer 6: tool.
    module(
      "AlmanacCommands",
      [
        "AlmanacCore", "Columns", "Codecs", "Files", "Postgres", "Parquet", "Documents", "Billing",
        "LinearAlgebra", "Regression", "SampleSources", "Simulation", "Pipelines", "Forecasting",
      ]),
    .executableTarget(
      name: "almanac", dependencies: ["AlmanacCommands"], swiftSettings: settings),
    .executableTarget(
      name: "almanac-bench",
      dependencies: [
        "AlmanacCore", "Columns", "Codecs", "Postgres", "Parquet", "Billing", "Rollups",
        "Forecasting", "LinearAlgebra", "Regression", "SampleSources", "Simulation",
        "Predictions", "Pipelines",
      ], swiftSettings: settings),
    .executableTarget(
      name: "almanac-fuzz",
      dependencies: ["AlmanacCore", "Columns", "Files", "Postgres", "Parquet"],
      swiftSettings: settings),

    // Tests.
    .target(
      name: "TestSupport", dependencies: ["AlmanacCore", "Columns", "Postgres"],
      path: "Tests/TestSupport", swiftSettings: settings),
    tests("AlmanacCoreTests", ["AlmanacCore"]),
    tests("ColumnsTests", ["AlmanacCore", "Columns"]),
    tests("CodecsTests", ["AlmanacCore", "Codecs"]),
    tests("FilesTests", ["AlmanacCore", "Files"]),
    tests("PostgresTests", ["AlmanacCore", "Columns", "Postgres"]),
    tests("ParquetTests", ["AlmanacCore", "Columns", "Codecs", "Parquet"]),
    tests("DocumentsTests", ["AlmanacCore", "Documents"]),
    tests("NotificationsTests", ["Notifications"]),
    tests("LinearAlgebraTests", ["AlmanacCore", "LinearAlgebra"]),
    tests("RollupsTests", ["AlmanacCore", "Columns", "Rollups"]),
    tests("RegressionTests", ["AlmanacCore", "LinearAlgebra", "Regression"]),
    tests("ForecastingTests", ["AlmanacCore", "LinearAlgebra", "Regression", "Forecasting"]),
    tests("BillingTests", ["AlmanacCore", "Columns", "Billing"]),
    tests(
      "SampleSourcesTests", ["AlmanacCore", "Columns", "Codecs", "Billing", "SampleSources"]),
    tests("SimulationTests", ["AlmanacCore", "Columns", "Billing", "Files", "Simulation"]),
    tests(
      "PredictionsTests",
      [
        "AlmanacCore", "Columns", "Billing", "Forecasting", "Regression", "Simulation",
        "Predictions",
      ]),
    tests(
      "PipelinesTests",
      [
        "AlmanacCore", "Columns", "Codecs", "Files", "Parquet", "Postgres", "Documents", "Rollups",
        "Predictions", "Pipelines",
      ]),
    tests(
      "AlmanacCommandsTests",
      [
        "AlmanacCore", "Columns", "Files", "Parquet", "Postgres", "Pipelines", "Forecasting",
        "Regression", "AlmanacCommands",
      ],
      exclude: ["Golden"]),
    tests(
      "IntegrationTests",
      ["AlmanacCore", "Columns", "Codecs", "Files", "Postgres", "Parquet", "Pipelines", "Billing"]),
    tests("CommandLineTests", ["AlmanacCore", "Columns", "Parquet", "Postgres", "Files"]),
  ],
  swiftLanguageModes: [.v6]
)
