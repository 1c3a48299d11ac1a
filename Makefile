# Almanac: one command for each job. Every target does its own set-up.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

scripts := Sources/scripts
sources := Sources Tests Package.swift
release := swift build -c release --static-swift-stdlib
with_server := $(scripts)/private-server with env \
  ALMANAC_TEST_PEERS="$$PWD/var/peers/bin/python"
ROWS ?= 1000000
run_bench = @$(scripts)/private-server with "$$($(release) --show-bin-path)/almanac-bench" \
  --rows $(ROWS) --psql "$$($(scripts)/postgres-bin)/psql" \
  --almanac "$$($(release) --show-bin-path)/almanac"
TARGET ?= copy-decoder
SECONDS ?= 60
swift_test := swift test --disable-xctest
# Nights of whole businesses take several times as long in a debug build.
optimised := -c release -Xswiftc -enable-testing --scratch-path .build/optimised
# The tests of more than one module; the others are those of one module each.
whole := ^(IntegrationTests|CommandLineTests|SampleSourcesTests\.OnlineRetailFilesTests)\.

.PHONY: help
help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | \
	  while IFS=$$'\t' read -r name what; do printf 'make %-17s %s\n' "$$name" "$$what"; done

.PHONY: packages
packages: ## Install the system packages that are missing
	@$(scripts)/install-packages

.PHONY: setup
setup: packages ## Install what is missing, and the peers that tests compare with
	@$(scripts)/install-peers

.PHONY: build
build: packages ## Build the program in release mode
	$(release) --product almanac

DATASET ?= online-retail
.PHONY: demo
demo: build ## Run the nightly pipeline on real data, in a private PostgreSQL (or DATASET=simulated)
	@$(scripts)/demo $(DATASET)

.PHONY: demo-clean
demo-clean: ## Stop and remove the demo's private PostgreSQL servers and their files
	@$(scripts)/demo clean

.PHONY: test
test: setup ## Run every test in an optimised build, beside a private PostgreSQL
	$(with_server) $(swift_test) $(optimised)

.PHONY: test-unit
test-unit: setup ## Run the tests of each module
	$(with_server) $(swift_test) --skip '$(whole)'

.PHONY: test-integration
test-integration: setup ## Run the tests of the modules together and of the program
	$(with_server) $(swift_test) --filter '$(whole)'

.PHONY: test-address
test-address: setup ## Run every test under the address sanitizer
	ASAN_OPTIONS=detect_leaks=0 $(with_server) \
	  $(swift_test) --sanitize=address --scratch-path .build/address

.PHONY: test-thread
test-thread: setup ## Run every test under the thread sanitizer
	$(with_server) $(swift_test) --sanitize=thread --scratch-path .build/thread

EXAMPLES ?= 500
SEED_OF_API ?= 1
.PHONY: test-api
test-api: setup ## Send requests to the api's functions over HTTP (EXAMPLES=500 SEED_OF_API=1)
	ALMANAC_TEST_EXAMPLES=$(EXAMPLES) ALMANAC_TEST_SEED=$(SEED_OF_API) \
	  $(with_server) $(swift_test) --filter '^IntegrationTests\.ServingHTTPTests'

NIGHTS ?= 20
.PHONY: soak
soak: setup ## Disturb whole nights and extractions (NIGHTS=200 SEED=7 to choose; see the script)
	@$(scripts)/soak $(NIGHTS) $(SEED)

HISTORIES ?= 20
.PHONY: histories
histories: setup ## Compare random histories with SQL (HISTORIES=200 SEED=7 to choose)
	$(with_server) env ALMANAC_HISTORIES=$(HISTORIES) ALMANAC_HISTORY_SEED=$(or $(SEED),1) \
	  $(swift_test) $(optimised) --filter '^IntegrationTests\.RandomBusinessTests'

.PHONY: check
check: setup ## Check the format, the imports and the warnings of the program and its tests
	swift format lint --strict --recursive $(sources)
	swift build --build-tests --explicit-target-dependency-import-check error

.PHONY: bench
bench: bench-build ## Run all benchmarks, which check their own results (ROWS=10000000 for targets)
	$(run_bench)

.PHONY: bench-extract
bench-extract: bench-build ## Measure PostgreSQL to columns and Parquet
	$(run_bench) extract

.PHONY: bench-night
bench-night: bench-build ## Measure a first load through the pipeline, and nights with 1 % new rows
	$(run_bench) night

.PHONY: bench-rollup
bench-rollup: bench-build ## Measure hourly and daily rollups in memory
	$(run_bench) rollup

.PHONY: bench-late
bench-late: bench-build ## Measure late events through the pipeline to the tables of rollups
	$(run_bench) late

.PHONY: bench-forecast
bench-forecast: bench-build ## Measure forecasts: M3, M4 hourly and daily series
	$(run_bench) forecast

.PHONY: bench-regression
bench-regression: bench-build ## Measure a logistic regression of a million rows
	$(run_bench) regression

COMPANIES ?= 5000
SEEDS ?= 3
FIRST_SEED ?= 1
.PHONY: bench-risk
bench-risk: bench-build ## Measure risks of simulated worlds, and their laws (COMPANIES=5000 SEEDS=3)
	$(run_bench) --companies $(COMPANIES) --seeds $(SEEDS) --first-seed $(FIRST_SEED) \
	  $(or $(PART),risk risk-simulations)

GROWTH ?= 50000
.PHONY: bench-risk-growth
bench-risk-growth: bench-build ## Measure how the time of risks grows with companies (GROWTH=50000)
	$(run_bench) --companies $(GROWTH) risk-growth

.PHONY: bench-simulate
bench-simulate: bench-build ## Measure a simulated business into PostgreSQL
	$(run_bench) simulate

.PHONY: bench-run
bench-run: bench-build ## Measure whole nights of a simulated business, a plan and the start
	$(run_bench) runner

.PHONY: bench-query
bench-query: bench-build ## Measure answers on the shell, the program's start included
	$(run_bench) query

publish_parts := publish-switch publish-readers publish-reads
.PHONY: bench-publish
bench-publish: bench-build ## Measure publication, and what readers see (PART=publish-reads for one)
	$(run_bench) $(or $(PART),$(publish_parts))

.PHONY: bench-build
bench-build: packages var/bench-peers/stamp
	$(release) --product almanac-bench
	$(release) --product almanac
	@mkdir -p var/bench

var/bench-peers/stamp: Tests/Peers/requirements.txt Tests/Peers/bench-requirements.txt
	@echo "Installing the peers of the benchmarks into $(@D)"
	@rm -rf $(@D)
	@"$$($(scripts)/python)" -m venv $(@D)
	@$(@D)/bin/python -m pip --quiet --no-input --disable-pip-version-check \
	  install --only-binary :all: --requirement Tests/Peers/bench-requirements.txt </dev/null
	@touch $@

.PHONY: fuzz
fuzz: packages ## Look for bytes that break a decoder (TARGET=copy-decoder or parquet, SECONDS=60)
	swift build -c release --scratch-path .build/fuzz --product almanac-fuzz \
	  -Xswiftc -sanitize=fuzzer,address -Xswiftc -DFUZZING -Xswiftc -use-ld=lld
	@mkdir -p var/fuzz
	cd var/fuzz && ASAN_OPTIONS=detect_leaks=0 ../../.build/fuzz/release/almanac-fuzz \
	  $(TARGET) $(TARGET) -max_total_time=$(SECONDS) -max_len=4096

.PHONY: format
format: ## Format the sources in place
	swift format --in-place --recursive $(sources)

.PHONY: clean
clean: ## Delete what was built; keeps the demo and the peers
	swift package clean
	rm -rf .build/address .build/thread .build/fuzz
