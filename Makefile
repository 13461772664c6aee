# Pabal. Everything is set up by itself: `make run` starts the console, `make test` runs every test.
PYTHON ?= python3
BOOTSTRAP = $(PYTHON) console/embedded/bootstrap.py

.PHONY: run test soak check bench access-key setup help
run: ## start everything on this machine; Ctrl-C stops it
	@exec $(BOOTSTRAP) run
test: ## every test (T="tests/core -k name" for some)
	@exec $(BOOTSTRAP) test $(T)
soak: ## the long forms of the tests
	@exec $(BOOTSTRAP) soak $(T)
check: ## format, lint, types, floors, migrations, translations
	@exec $(BOOTSTRAP) check
bench: ## the benchmarks (BENCH=imports,segments,sending,events,api,web,pages,rendering BENCH_ROWS=100000 BENCH_EVENTS=5000000)
	@exec $(BOOTSTRAP) bench
access-key: ## an access key of the account as JSON, for a running `make run`
	@exec $(BOOTSTRAP) access-key
setup: ## install what the others need, and stop
	@exec $(BOOTSTRAP) setup
help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/'
