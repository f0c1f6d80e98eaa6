# Names for what people do here; the work is in scripts/. Everything a target needs it sets up itself.
# Options for the started host go into ARGS: make dev ARGS="--port 4000".

.PHONY: help setup dev build test test-long crash oracle oracle-live oracle-record oracle-mutants bench third-party limits

help:
	@echo "make dev        set up what is missing, build, start examples/chat"
	@echo "make build      leave the binary in target/release/partykit"
	@echo "make test       everything that CI runs"
	@echo "make test-long  the tests that are too long for CI"
	@echo "make crash      kill processes that write, two hundred times for each store"
	@echo "make oracle     compare with what PartyKit did (-live: with PartyKit itself; -record; -mutants)"
	@echo "make bench      measure; results and their bounds are in bench/RESULTS.md"

setup:
	@scripts/setup

dev:
	@scripts/dev $(ARGS)

build:
	@scripts/build

test:
	@scripts/test

test-long:
	@scripts/test-long

crash:
	@scripts/crash

oracle:
	@scripts/oracle

oracle-live oracle-record oracle-mutants:
	@scripts/oracle $(@:oracle-%=%)

bench:
	@scripts/bench $(ARGS)

third-party:
	@scripts/third-party

limits:
	@scripts/limits
