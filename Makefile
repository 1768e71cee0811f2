# make           sets everything up in .venv/ (the command is .venv/bin/lambda-tuner)
# make demo      tunes a real function on this machine, without an AWS account; the report lands in out/demo/
# make test      runs the tests             (ARGS="-k template -x" goes to pytest; ARGS="-m 'not slow'" leaves out the slow ones)
# make check     runs every static check
# make oldest    runs the quick tests with the oldest versions of the libraries that pyproject.toml allows
# make faults    injects every fault at every point of a run, and shows what is left and who cleaned up (ARGS="'well/step/*'" for some)
# make mutants   plants bugs, and checks that a test notices each of them (ARGS="--room restore" for some)
# make bench     measures what the README and docs/ state (ARGS="all --quick" only checks that it runs)
# make package   builds what `sam deploy` deploys (ARCHITECTURE=arm64 or x86_64)
# make clean     removes what was built; .venv/ stays
# make help      prints these lines

ARGS ?=
ARCHITECTURE ?= arm64
.DEFAULT_GOAL := setup
.PHONY: setup develop demo test check oldest faults mutants bench package clean help

setup:
	@scripts/setup run

develop:
	@scripts/setup develop

demo: setup
	@.venv/bin/lambda-tuner demo --out out/demo

test: develop
	@scripts/test $(ARGS)

check: develop
	@scripts/check

oldest:
	@scripts/test-oldest $(ARGS)

faults: develop
	@.venv/bin/python -m tests.faults $(ARGS)

mutants: develop
	@.venv/bin/python -m tests.mutants $(ARGS)

bench: develop
	@.venv/bin/python -m bench $(ARGS)

package: develop
	@ARCHITECTURE=$(ARCHITECTURE) scripts/package-sizes --build --architecture $(ARCHITECTURE)

clean:
	rm -rf build dist out .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .venv-sam .venv-oldest .venv-lock
	find tuner tests bench examples packages scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

help:
	@sed -n 's/^# make/make/p' Makefile
