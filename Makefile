# `make help` tells what there is.

BUILD = cargo build --quiet --workspace --bins
# Python and Open JTalk, for `make prompts` alone.
VENV = target/prompts

help:
	@echo 'make run      PostgreSQL, Asterisk and karipass under var/, with demonstration contracts, until Ctrl-C'
	@echo '              (SIP_PORT, HTTPS_PORT, ARI_PORT, OPS_PORT, VAR_DIR and KARIPASS_... change it)'
	@echo 'make call     a scripted subscriber calls what make run has started, and logs in'
	@echo '              (CALLER=number, UNIT=1, 2 or 3, NUMBER=the one to set the password for)'
	@echo 'make test     format, lints and every test, on servers of its own'
	@echo 'make lint     format and lints'
	@echo 'make bench    measures, and writes target/bench.json'
	@echo 'make prompts  speaks the guidance anew from asterisk/sounds/words.tsv'
	@echo 'make clean    removes target/ and var/'
	@echo 'What is missing on Debian 12 or newer is installed first, as root or through sudo.'

run:
	@tests/lab/install run
	@$(BUILD)
	@target/debug/lab run

call:
	@tests/lab/install test
	@$(BUILD)
	@target/debug/lab call

test: lint
	@tests/lab/install test
	@asterisk/get > /dev/null
	cargo test --workspace

lint:
	@tests/lab/install
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

bench:
	@tests/lab/install bench
	@asterisk/get > /dev/null
	cargo bench --quiet --bench figures

prompts: $(VENV)/ready
	$(VENV)/bin/python asterisk/prompts.py

$(VENV)/ready: asterisk/prompts.txt
	@tests/lab/install prompts
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement asterisk/prompts.txt
	touch $@

clean:
	rm -rf target var

.PHONY: help run call test lint bench prompts clean
