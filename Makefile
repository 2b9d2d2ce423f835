# `make help` lists the targets.

BUILD = cargo build --locked --package karipass --package karipass-demonstration --bins
# Python and Open JTalk, for `make prompts` alone.
VENV = target/prompts
# For `make test` alone: axe-core and Lighthouse look at the pages, Schemathesis tries the API, and
# openapi-python-client makes a client for it.
AXE_CORE = 4.14.1
AXE_CORE_SHA512 = 1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5
AXE = target/axe/package/axe.min.js
LIGHTHOUSE = target/lighthouse/node_modules/.bin/lighthouse
# It reads the dashboard by Grafana's types, and the scripts of the pages.
TSC = target/grafana/node_modules/.bin/tsc
SCHEMATHESIS = target/schemathesis
OPENAPI_PYTHON_CLIENT = target/openapi-python-client
# Of Debian's packages, without their services: what reads the files of docs/operating.
FAIL2BAN = target/debian/usr/bin/fail2ban-regex
PROMTOOL = target/debian/usr/bin/promtool
# The telephone in the browser of `make run`.
PHONE = target/phone
# For `make sbom` alone.
CYCLONEDX = 0.5.9
SBOM = target/sbom
# For `make deb` alone.
CARGO_DEB = 3.8.0
DEB = target/deb

help:
	@echo 'make run      PostgreSQL, Asterisk and karipass under var/, with demonstration contracts, until Ctrl-C'
	@echo '              (SIP_PORT, HTTPS_PORT, ARI_PORT, OPS_PORT, VAR_DIR and KARIPASS_... change it)'
	@echo 'make call     a scripted subscriber calls what make run has started, and logs in'
	@echo '              (CALLER=number, UNIT=1, 2 or 3, NUMBER=the one to set the password for)'
	@echo 'make unit     the tests that need no server, in seconds'
	@echo 'make test     format, lints and every test, on its own servers'
	@echo 'make test-faults  kills, stops, cuts off and slows each part under load, and prints the results'
	@echo 'make lint     format and lints'
	@echo 'make fuzz     fuzzes every input from outside, FUZZ_SECONDS (600) for each of FUZZ_TARGETS'
	@echo 'make bench    measures, and writes target/bench.json'
	@echo '              (FIGURE=hash, calls, capacity or another group of docs/performance.md'
	@echo '              measures that alone)'
	@echo 'make screenshots  photographs every page into target/screenshots; five go to docs/screenshots'
	@echo 'make prompts  synthesises the guidance from asterisk/sounds/words.tsv'
	@echo 'make sbom     writes target/karipass.cdx.json, a CycloneDX list of everything that is built in'
	@echo 'make deb      builds a Debian package in target/deb'
	@echo 'make test-deb the same, and installs, upgrades, removes and purges it in a clean Debian'
	@echo 'make clean    removes target/ and var/'
	@echo 'What is missing on Debian 12 or newer is installed first, as root or through sudo.'

# Asterisk and the telephone in the browser are fetched while the compiler works.
run:
	@tests/lab/install run
	@echo 'make run fetches Asterisk and the telephone in the browser while it compiles' >&2
	@asterisk/get > /dev/null & got=$$!; \
		[ $(PHONE) -nt tests/demonstration/get-phone ] || tests/demonstration/get-phone & phone=$$!; \
		$(BUILD); built=$$?; \
		wait $$phone || echo 'make run goes on without a telephone in the browser' >&2; \
		wait $$got && exit $$built
	@target/debug/demonstration run

call:
	@tests/lab/install call
	@$(BUILD)
	@target/debug/demonstration call

# Seconds once it is built: none of these tests needs a server.
unit:
	cargo test --locked --workspace --lib --test arrows --test docs --test replay
	cargo test --locked --workspace --doc

# Gives the rest of a line the right of root to real-time priority: telephones and Asterisk have it,
# as they would have a processor to themselves.
MAY_RAISE_PRIORITY = [ "$$(id -u)" = 0 ] || sudo -n prlimit --pid $$$$ --rtprio=1 || \
    echo 'without real-time priority: telephones may be late' >&2;

# All but e2e and faults, one more than there are cores, since many wait for a deadline; then e2e.
# Its calls mostly wait for guidance to pass, so eight go side by side. Its visits share two
# browsers and come after the calls, which they would delay.
test: lint tools
	@asterisk/get > /dev/null
	cargo test --locked --workspace --lib --test '[!ef]*' -- --test-threads=$$(($$(nproc) + 1))
	cargo test --locked --workspace --doc
	$(MAY_RAISE_PRIORITY) cargo test --locked --test e2e -- --test-threads=8 --skip site::
	$(MAY_RAISE_PRIORITY) cargo test --locked --test e2e -- --test-threads=2 --show-output site:: traces::

# The rows that have this in their paths: make test-faults ROW=ari
ROW =

test-faults:
	@tests/lab/install run call faults
	@asterisk/get > /dev/null
	$(MAY_RAISE_PRIORITY) cargo test --locked --test faults -- --nocapture --test-threads=2 $(ROW)

tools:
	@tests/lab/install test
	@$(MAKE) --no-print-directory $(AXE) $(LIGHTHOUSE) $(TSC) $(SCHEMATHESIS)/ready \
		$(OPENAPI_PYTHON_CLIENT)/ready $(FAIL2BAN) $(PROMTOOL) $(PHONE)

$(AXE): Makefile
	mkdir -p target/axe
	npm pack --silent --pack-destination target/axe axe-core@$(AXE_CORE) > /dev/null
	echo '$(AXE_CORE_SHA512)  target/axe/axe-core-$(AXE_CORE).tgz' | sha512sum --check --quiet
	tar -xzmf target/axe/axe-core-$(AXE_CORE).tgz -C target/axe package/axe.min.js

# The lock file pins it with every package that it needs.
$(LIGHTHOUSE): tests/e2e/site/lighthouse/package-lock.json
$(TSC): tests/it/serve/grafana/package-lock.json
$(LIGHTHOUSE) $(TSC): FOLDER = $(firstword $(subst /node_modules/, ,$@))
$(LIGHTHOUSE) $(TSC):
	mkdir -p $(FOLDER)
	cp $(dir $<)package*.json $(FOLDER)/
	npm ci --silent --ignore-scripts --no-audit --no-fund --prefix $(FOLDER)
	touch $@

target/%/ready: tests/it/api/%.txt
	python3 -m venv target/$*
	target/$*/bin/pip install --quiet --requirement $<
	touch $@

$(PHONE): tests/demonstration/get-phone
	tests/demonstration/get-phone

$(FAIL2BAN):
	tests/lab/unpack fail2ban ./usr/bin/fail2ban-regex ./usr/lib/python3 ./etc/fail2ban

$(PROMTOOL):
	tests/lab/unpack prometheus ./usr/bin/promtool

lint:
	@tests/lab/install
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --test faults -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --workspace --no-deps --document-private-items

# Coverage of every edge and comparison, which libFuzzer goes by; LLVM's options, in any rustc.
INSTRUMENTED = -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
FUZZ = target/$(HOST)/fuzz/fuzz
FUZZ_SECONDS = 600
FUZZ_TARGETS = event dialog body site csv config

# New inputs go to target/fuzz/TARGET/. An input that breaks a target goes to
# target/fuzz/TARGET.crash-…, and belongs in the corpus once the fault is corrected. The corpus
# keeps the few inputs that reach the most code: TARGET=… $(FUZZ) -merge=1 chooses them.
fuzz:
	@tests/lab/install fuzz
	RUSTFLAGS='$(INSTRUMENTED)' cargo build --locked --quiet --profile fuzz --target $(HOST) --package karipass-fuzz --features libfuzzer
	for target in $(FUZZ_TARGETS); do \
	    mkdir -p target/fuzz/$$target; \
	    TARGET=$$target $(FUZZ) target/fuzz/$$target tests/fuzz/corpus/$$target \
	        -dict=tests/fuzz/dictionaries/$$target -artifact_prefix=target/fuzz/$$target. \
	        -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -print_final_stats=1 || exit 1; \
	done

# What is measured alone: make bench FIGURE=capacity
FIGURE =

bench:
	@tests/lab/install bench
	@$(MAKE) --no-print-directory $(LIGHTHOUSE)
	@asterisk/get > /dev/null
	cargo bench --locked --quiet --bench figures -- $(FIGURE)

# The pictures that the documents show.
SHOWN = login-375 password-first-375 phone-call-375 top-1280 unit-number-to-line-1280

screenshots: tools
	@tests/lab/install pictures
	@asterisk/get > /dev/null
	rm -rf target/screenshots
	KARIPASS_SCREENSHOTS=target/screenshots cargo test --locked --test e2e -- --test-threads=2 site::
	pngquant --force --ext .png 64 target/screenshots/*.png
	cp $(SHOWN:%=target/screenshots/%.png) docs/screenshots/

prompts: $(VENV)/ready
	$(VENV)/bin/python asterisk/prompts.py

$(VENV)/ready: asterisk/prompts.txt
	@tests/lab/install prompts
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement asterisk/prompts.txt
	touch $@

# The tool writes beside each package's manifest; what counts is the list of the program.
sbom: $(SBOM)/bin/cargo-cyclonedx
	$(SBOM)/bin/cargo-cyclonedx cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps \
	    --override-filename karipass.cdx
	rm -f tests/*/karipass.cdx.json
	mv karipass.cdx.json target/

$(SBOM)/bin/cargo-cyclonedx:
	@tests/lab/install
	cargo install --locked --quiet --root $(SBOM) cargo-cyclonedx@$(CYCLONEDX)

deb: $(DEB)/bin/cargo-deb
	@tests/lab/install deb
	cargo build --locked --release --bin karipass
	cargo run --locked --quiet --example manual $(DEB)/manual
	printf 'karipass (%s-1) unstable; urgency=medium\n\n  * The changes are in CHANGELOG.md.\n\n -- %s  %s\n' \
	    "$$(cargo pkgid | sed 's/.*[#@]//')" "$$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)" \
	    "$$(git log -1 --format=%cD)" > $(DEB)/changelog
	$(DEB)/bin/cargo-deb --no-build --locked --output $(DEB)/

$(DEB)/bin/cargo-deb:
	@tests/lab/install
	cargo install --locked --quiet --root $(DEB) cargo-deb@$(CARGO_DEB)

test-deb: deb
	@tests/lab/install test-deb
	tests/deb/run $(DEB)/karipass_*.deb

clean:
	rm -rf target var

.PHONY: help run call unit test test-faults tools lint fuzz bench screenshots prompts sbom deb test-deb clean
