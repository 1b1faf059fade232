# A fresh machine needs `make serve` and `make test`, nothing else; both use .venv/ in this folder.
# What is installed comes from requirements/, whose pins carry hashes. A file in .venv/.stamps says
# that a step is done; it is done again when a file that it depends on has changed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.stamps
PYTHONS := python3.13 python3.12 python3.11 python3
# -qq shows errors and keeps quiet about a machine's own pip settings; the pins are complete, which
# `pip check` confirms, so nothing has to be worked out.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --no-input --no-compile --no-deps -qq
# Every run starts processes, so all is compiled once: on all cores, which pip does not, and also
# where PYTHONDONTWRITEBYTECODE would have every process compile anew.
COMPILE := $(BIN)/python -m compileall -qq -j 0
EXAMPLES := $(wildcard examples/*/pyproject.toml)
CHECKED := $(wildcard src tests bench examples)
PYTEST := $(BIN)/python -m pytest
# Most tests wait for processes. Which of them are kept together is told in tests/conftest.py; the
# longest group is the first in the alphabet, and so begins first.
PARALLEL := --numprocesses=3 --dist=loadscope --no-loadscope-reorder
PIN := $(BIN)/uv pip compile $(ARGS) --quiet --universal --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command 'make pins'

.PHONY: help serve test check stress bench coverage pins clean debian

help:
	@cat <<'END'
	make serve      install into .venv/ and start the server   (ARGS='--port 5001')
	make test       install what tests need, check, run tests  (ARGS='-k cancel', in one process: ARGS=-n0)
	make check      lint, format, types, import layers, house rules
	make stress     the long versions of the tests
	make bench      the measurements of bench/README.md
	make coverage   branch coverage over all processes
	make pins       compile requirements/*.txt from pyproject.toml (ARGS=--upgrade)
	make clean      remove .venv/ and the tools' caches
	END

serve: $(DONE)/package
	@$(COMPILE) src
	exec $(BIN)/itk serve $(ARGS)

test: check $(DONE)/examples debian
	@$(COMPILE) src examples
	$(PYTEST) --ignore=tests/meta --durations=15 $(PARALLEL) $(ARGS)

check: $(DONE)/dev $(DONE)/package
	@$(BIN)/ruff check --quiet $(CHECKED)
	$(BIN)/ruff format --check --quiet $(CHECKED)
	# It needs one core for longer than the others together.
	$(BIN)/mypy $(CHECKED) & types=$$!
	trap 'kill "$$types" 2>/dev/null || true' EXIT
	$(BIN)/lint-imports
	$(BIN)/itk lint src
	$(PYTEST) -q tests/meta
	wait "$$types"

stress: $(DONE)/dev $(DONE)/examples debian
	@$(PYTEST) -m stress --timeout=3600 --hypothesis-profile=stress --durations=15 $(ARGS)

bench: $(DONE)/dev $(DONE)/examples
	@$(BIN)/python -m bench $(ARGS)

coverage: $(DONE)/dev $(DONE)/examples debian
	@$(BIN)/coverage erase
	# Coverage wraps os.fork anew in each child: a process that forks on and on dies of it. It is slow
	# and leaves modules and threads behind, which some tests say: the figures are printed all the same.
	$(BIN)/coverage run -m pytest -q $(PARALLEL) -k 'not fork_chain and not test_timeout_and_skip' \
		$(ARGS) || failed=$$?
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	exit "$${failed:-0}"

pins: $(DONE)/pins
	@$(PIN) --all-extras --group build --output-file requirements/runtime.txt pyproject.toml
	$(PIN) --all-extras --group build --group dev --constraint requirements/runtime.txt \
		--output-file requirements/dev.txt pyproject.toml
	$(PIN) --group pins --output-file requirements/pins.txt

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -f .coverage .coverage.*

$(DONE)/venv:
	@if ! $(BIN)/python -c 'import pip' 2>/dev/null; then
		found=
		for candidate in $(PYTHONS); do
			command -v "$$candidate" >/dev/null || continue
			"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
				continue
			if "$$candidate" -c 'import ensurepip, venv' 2>/dev/null; then found=$$candidate; break; fi
			echo "$$candidate has no venv module; on Debian: apt-get install python3-venv" >&2
		done
		if [ -z "$$found" ]; then
			echo 'Expected Python 3.11 or newer with its venv module, looked for: $(PYTHONS).' >&2
			echo 'On Debian or Ubuntu: apt-get install python3 python3-venv' >&2
			exit 1
		fi
		"$$found" -m venv --clear $(VENV)
	fi
	mkdir -p $(DONE)
	touch $@

$(DONE)/runtime: requirements/runtime.txt | $(DONE)/venv
	@echo 'Installing what the server needs into $(VENV)/ (once, about half a minute) ...'
	$(PIP) --require-hashes -r $<
	$(COMPILE) $(VENV)/lib
	touch $@

# The pins of the tests include those of the server.
$(DONE)/dev: requirements/dev.txt requirements/runtime.txt | $(DONE)/venv
	@echo 'Installing what checks and tests need into $(VENV)/ (once, about a minute) ...'
	$(PIP) --require-hashes -r $<
	$(BIN)/python -m pip check >/dev/null
	$(COMPILE) $(VENV)/lib
	touch $@ $(DONE)/runtime

$(DONE)/pins: requirements/pins.txt | $(DONE)/venv
	@$(PIP) --require-hashes -r $<
	touch $@

$(DONE)/package: pyproject.toml $(DONE)/runtime
	@$(PIP) --no-build-isolation -e .
	touch $@

# Step kinds of other packages, as the tests and the stuck playbooks use them.
$(DONE)/examples: $(EXAMPLES) $(DONE)/package
	@$(PIP) --no-build-isolation $(EXAMPLES:%/pyproject.toml=-e ./%)
	touch $@

# The browser tests drive Debian's browser, the store's tests Debian's PostgreSQL, the Designer's a
# Java program on a desktop without a screen; they are never skipped for want of them. No PostgreSQL
# server is left running: the package starts one when it is first installed, unless it is told not to.
NO_SERVER := /etc/postgresql-common/createcluster.d/itk-tests.conf

debian:
	@need=
	command -v chromium >/dev/null || need+=' chromium'
	compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need+=' postgresql'
	command -v Xvfb >/dev/null || need+=' xvfb'
	command -v openbox >/dev/null || need+=' openbox'
	command -v javac >/dev/null || need+=' default-jdk-headless'
	# The part of Java that has windows, and a font for them.
	compgen -G '/usr/lib/jvm/*/lib/libawt_xawt.so' >/dev/null || need+=' default-jre'
	compgen -G '/usr/share/fonts/truetype/*' >/dev/null || need+=' fonts-dejavu-core'
	if [ -z "$$need" ]; then exit; fi
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "The tests need Debian's packages$$need, which are not installed." >&2
		echo "On Debian, as root: apt-get update && apt-get install$$need" >&2
		exit 1
	fi
	echo "Installing Debian's$$need ..."
	export DEBIAN_FRONTEND=noninteractive
	log=$$(mktemp)
	trap 'rm -f "$$log" $(NO_SERVER)' EXIT
	mkdir -p $(dir $(NO_SERVER))
	echo 'create_main_cluster = off' >$(NO_SERVER)
	{ apt-get update && apt-get install -y --no-install-recommends $$need; } >"$$log" 2>&1 ||
		{ tail -n 30 "$$log" >&2; exit 1; }
