# `make test` is all that a check needs; `make help` lists the rest.

BUF_VERSION := 1.75.0
BUF := target/buf/node_modules/.bin/buf
REQUIREMENTS := tests/clients/requirements.txt tests/deploy/requirements.txt
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help test deps lint unit clients deploy scorecard guard activations chaos bench bench-million bench-impact bench-derive bench-zen fuzz clean

help:            ## this list
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed 's/:.*##/  /'

test: deps lint unit clients deploy scorecard  ## install what tests need and run everything

deps:            ## install what tests need: vim, curl, chromium with fonts, sqlite3, PostgreSQL, HAProxy, nginx, the official Python and Node clients, buf
	@missing=""; \
	command -v vim >/dev/null || missing="$$missing vim"; \
	command -v python3 >/dev/null && python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3 python3-venv"; \
	command -v npm >/dev/null || missing="$$missing nodejs npm"; \
	command -v curl >/dev/null || missing="$$missing curl"; \
	command -v sqlite3 >/dev/null || missing="$$missing sqlite3"; \
	command -v chromium >/dev/null || missing="$$missing chromium fonts-dejavu-core fonts-noto-core fonts-noto-cjk"; \
	command -v cc >/dev/null || missing="$$missing build-essential"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	PATH="$$PATH:/usr/sbin"; command -v haproxy >/dev/null || missing="$$missing haproxy"; \
	command -v nginx >/dev/null || missing="$$missing nginx"; \
	if [ -n "$$missing" ]; then $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy $$missing; fi
	@cat $(REQUIREMENTS) | cmp -s - .venv/requirements.txt || { \
	  python3 -m venv .venv && .venv/bin/pip install -q --disable-pip-version-check -r tests/deploy/requirements.txt && \
	  cat $(REQUIREMENTS) > .venv/requirements.txt; }
	@cmp -s tests/scorecard/requirements.txt target/optbinning/requirements.txt || { \
	  python3 -m venv target/optbinning && \
	  target/optbinning/bin/pip install -q --disable-pip-version-check -r tests/scorecard/requirements.txt && \
	  cp tests/scorecard/requirements.txt target/optbinning/; }
	@[ -x $(BUF) ] || npm install --silent --no-save --no-audit --no-fund --prefix target/buf @bufbuild/buf@$(BUF_VERSION)
	@cmp -s tests/clients/js/package.json tests/clients/js/node_modules/package.json || { \
	  cd tests/clients/js && npm install --no-package-lock --ignore-scripts --no-audit --no-fund --silent && \
	  cp package.json node_modules/package.json; }
	@rustup component add clippy rustfmt >/dev/null 2>&1 || true

lint:            ## formats and lints
	cd proto && ../$(BUF) lint && ../$(BUF) format --diff --exit-code
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

unit:            ## unit, conformance, black-box and real-data tests, with a PostgreSQL of their own
	tests/with-postgres cargo test

# The example is built along everywhere: its dependencies have the features that tests need, so that what `unit` built is used.
BUILT := cargo build --bin assay --example score

clients: deps    ## the official Python and Node clients, and all transcripts, against the real server
	$(BUILT)
	.venv/bin/pytest -q tests/clients

deploy: deps     ## deploy/: three replicas on one PostgreSQL behind HAProxy, nginx and Envoy, restarted under load
	$(BUILT)
	tests/with-postgres .venv/bin/pytest -q tests/deploy

scorecard: deps  ## learnt scorecards against optbinning, which has a Python of its own: its protobuf is not that of the clients
	$(BUILT)
	target/optbinning/bin/pytest -q tests/scorecard

guard:           ## the rule engine takes no more instructions than it should, against native Rust: counted by callgrind
	@command -v valgrind >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy valgrind; }
	cargo bench --bench rules -- --instructions

activations:     ## ten thousand sets put in force while leads are scored: each score is of exactly one; about a minute
	ASSAY_TEST_ACTIVATIONS=10000 tests/with-postgres cargo test --test service -- --nocapture each_score_is_of_exactly_one_set

CHAOS_SECONDS := 300
CHAOS_SEED := 1
chaos: deps      ## the same by chance, CHAOS_SECONDS behind each balancer; CHAOS_SEED repeats a run
	$(BUILT)
	CHAOS_SECONDS=$(CHAOS_SECONDS) CHAOS_SEED=$(CHAOS_SEED) tests/with-postgres .venv/bin/pytest -q tests/deploy/test_balancers.py

bench:           ## the figures in docs/benchmarks.md, but for the two that take long
	cargo bench --bench rules
	cargo bench --bench service
	cargo bench --bench latency
	cargo bench --bench canvas
	tests/with-postgres cargo bench --bench store
	tests/with-postgres cargo bench --bench attack

bench-million:   ## memory and lists with a million leads: some minutes
	cargo bench --bench million

bench-impact:    ## what a change of one rule does to a million leads: seconds, share scored twice, memory
	cargo bench --bench impact

bench-derive: deps  ## learning a scorecard against optbinning: some minutes
	OPTBINNING=$(CURDIR)/target/optbinning/bin/python cargo bench --bench derive

bench-zen:       ## the rule engine against zen-engine, which is compiled for it
	CARGO_TARGET_DIR=target/zen cargo run --release --manifest-path benches/zen/Cargo.toml

FUZZ_SECONDS := 60
fuzz:            ## search for inputs that break a parser, guided by coverage, FUZZ_SECONDS each; needs a nightly toolchain
	@rustup toolchain list | grep -q nightly || { echo "a nightly toolchain is needed: rustup toolchain install nightly" >&2; exit 1; }
	@[ -x target/tools/bin/cargo-fuzz ] || cargo install cargo-fuzz --locked --quiet --version ^0.13 --root target/tools
	for target in filter page_token facts_toml csv canvas script rule_tests request; do \
	  PATH="$$PWD/target/tools/bin:$$PATH" cargo +nightly fuzz run $$target --target-dir target/fuzz -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 || exit 1; \
	done

clean:           ## remove everything that was built
	rm -rf target .venv tests/clients/js/node_modules
