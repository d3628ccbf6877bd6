# What one does with this repository. `make help` lists it; CI runs `make test`.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO            ?= go
BIN           := bin
GOLANGCI_LINT := v2.12.2
# The tool's version is in its name: another pin is another file.
LINTER        := $(BIN)/golangci-lint-$(GOLANGCI_LINT)
DEADCODE      := v0.40.0
FINDER        := $(BIN)/deadcode-$(DEADCODE)
IMAGE         ?= guardian:dev
FUZZTIME      ?= 20s
# A package's tests may take this long before they are killed with all goroutines printed.
TIMEOUT       ?= 15m

.PHONY: help
help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Without the paths of this folder another clone finds compiled what this one has.
export GOFLAGS := -trimpath $(GOFLAGS)

# Everything without the race detector is compiled with the same flags, because each other set of
# flags compiles every package again.
PLAIN := CGO_ENABLED=0

.PHONY: build
build: ## the binary, static and without debugging tables, into bin/
	$(PLAIN) $(GO) build -ldflags='-s -w' -o $(BIN)/guardian ./cmd/guardian

.PHONY: run
run: ## serve the smallest configuration on http://127.0.0.1:9440/
	$(GO) run ./cmd/guardian serve --config configs/minimal.yaml

.PHONY: demo
demo: ## a shop, a bad deploy, a rollback and its proof, in a minute
	$(GO) run ./cmd/guardian demo

.PHONY: pictures
pictures: build ## draw the pictures of the README anew: the demo, photographed (look at them)
	./test/setup pictures
	$(GO) run ./test/pictures -guardian $(BIN)/guardian -out docs/pictures

.PHONY: setup
setup: ## install what the tests need (Debian, as root); otherwise say what is missing
	./test/setup

.PHONY: test
test: setup fmt-check tidy-check vet build ## everything that must hold; what CI runs
	@# Two at a time: tests that wait leave the processors to tests that compute.
	@# What a test binary is linked of and what it writes is in memory: a disk that is busy with it lets
	@# journals wait for seconds.
	TMPDIR=$${TMPDIR:-$$(./test/memory)} $(MAKE) compile && TMPDIR=$${TMPDIR:-$$(./test/memory)} $(MAKE) -j 2 race plain promtool sdk

.PHONY: quick
quick: ## the tests without the race detector
	$(GO) test -timeout $(TIMEOUT) ./...

.PHONY: fmt-check
fmt-check:
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go' | while read -r f; do [ ! -e "$$f" ] || echo "$$f"; done)); \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi

.PHONY: tidy-check
tidy-check:
	$(GO) mod tidy -diff
	cd test/promtool && $(GO) mod tidy -diff
	cd test/sdk && $(GO) mod tidy -diff

.PHONY: vet
vet:
	$(PLAIN) $(GO) vet ./...
	$(PLAIN) $(GO) vet -tags realshop ./test/realshop

# Compiles what the tests need before the first of them begins to wait for something.
.PHONY: compile
compile:
	$(GO) list -race -test -export -f '{{""}}' ./... > /dev/null
	$(PLAIN) $(GO) list -test -export -f '{{""}}' ./... > /dev/null

# go test need not vet: make vet did. The end-to-end tests wait most of their time, so more packages
# run at once than there are processors, and those that take longest come first. By default the
# race detector lets each process sleep for a second at its end; 50 ms are enough. Without debugging
# tables the linker takes three quarters of its time.
.PHONY: race
race:
	GORACE=atexit_sleep_ms=50 $(GO) test -race -ldflags=-w -vet=off -p 3 -timeout $(TIMEOUT) ./test/e2e ./actions/docker ./internal/store ./test/beside ./...

# Tests without the race detector: those that compute for long in one goroutine, where it takes
# minutes and finds nothing (most of the random histories), and the scenarios, which run the binary as it
# is delivered.
.PHONY: plain
plain:
	$(PLAIN) $(GO) test -vet=off -p 2 -timeout $(TIMEOUT) ./test/scenario ./test/world ./test/killed ./test/bench/judge ./configs ./internal/series ./watch/...
	$(PLAIN) $(GO) test -vet=off -timeout $(TIMEOUT) -run 'TestRandomHistories|_Plain$$' ./internal/app ./internal/alerting ./internal/replay ./internal/runs ./notifiers

# A module of its own: it builds promtool, which no other test needs.
.PHONY: promtool
promtool: ## compare our rule tests with promtool's own answers
	cd test/promtool && $(PLAIN) $(GO) test -timeout $(TIMEOUT) ./...

# A module of its own: it uses clients that the service does not.
.PHONY: sdk
sdk: ## compare the fake marketplaces with what others' clients make of them
	cd test/sdk/node && npm ci --ignore-scripts --no-audit --no-fund --silent
	cd test/sdk && $(PLAIN) $(GO) vet ./... && $(PLAIN) $(GO) test -timeout $(TIMEOUT) ./...

.PHONY: lint
lint: $(LINTER) $(FINDER) ## golangci-lint and deadcode, pinned (built once, some minutes)
	$(LINTER) run ./...
	./test/deadcode $(FINDER)

$(FINDER):
	@mkdir -p $(BIN)
	GOBIN=$(CURDIR)/$(BIN)/tmp $(GO) install golang.org/x/tools/cmd/deadcode@$(DEADCODE)
	mv $(BIN)/tmp/deadcode $@ && rmdir $(BIN)/tmp

$(LINTER):
	@mkdir -p $(BIN)
	GOBIN=$(CURDIR)/$(BIN)/tmp $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	mv $(BIN)/tmp/golangci-lint $@ && rmdir $(BIN)/tmp

.PHONY: fmt
fmt: ## format
	gofmt -w $$(git ls-files '*.go')

.PHONY: golden
golden: ## write golden files, the schema and docs/configuration.md anew; look at the diff
	$(GO) test $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | grep -v -e '^./test/promtool/' -e '^./test/sdk/' | xargs -n1 dirname | sort -u) -update

# One package at a time: what is measured has both cores.
BENCH := $(GO) test -run '^$$' -p 1 -timeout 60m

.PHONY: bench
bench: setup mutants ## all benchmarks, and the mutants (most of an hour; those of the whole process have targets of their own)
	$(BENCH) -bench . -benchmem ./...

# The tables of docs/judge.md: on streams that the binary judges, and on deploys of simulated shops
# (PART=streams, worlds or innocent: one of them; ONLY: lines with these words). QUICK=1 draws few
# streams, as its test does.
.PHONY: bench-judge
bench-judge: build ## measure the judge's false alarms and delays on 20,000 streams a line (a quarter of an hour; QUICK=1: a minute)
	$(GO) run ./test/bench/judge -guardian $(BIN)/guardian $(if $(QUICK),-streams 300) $(if $(PART),-part $(PART)) $(if $(ONLY),-only '$(ONLY)')

.PHONY: bench-replay
bench-replay: ## replay 30 days of 200 checks, and print how long it takes
	$(BENCH) -bench Replay -benchtime 1x -v ./test/bench/replay

.PHONY: bench-watches
bench-watches: ## measure a guardian with WATCHES (10000) open watches, each fed once a second
	$(BENCH) -bench Watches -benchtime 1x -v ./test/bench/watches -watches $(or $(WATCHES),10000)

.PHONY: bench-looks
bench-looks: setup ## measure what looks cost: CHECKS (10000) checks, and beside Prometheus with its blackbox exporter
	$(BENCH) -bench . -benchtime 1x -v ./test/bench/looks -checks $(or $(CHECKS),10000)

.PHONY: bench-rules
bench-rules: setup ## measure what rules cost beside Prometheus, and the queries that looks cause (ten minutes)
	$(BENCH) -bench . -benchtime 1x -v ./test/bench/rules

.PHONY: bench-reaction
bench-reaction: ## measure the time from the look that completes the evidence, and from the verdict, to the first step
	$(BENCH) -bench Reaction -benchtime 20x -v ./test/bench/reaction

.PHONY: bench-notify
bench-notify: setup ## measure the time from a sample to the message, alone and beside Prometheus with its Alertmanager
	$(BENCH) -bench 'Message|Beside' -benchtime 1x -v ./test/bench/notify -rate $(or $(RATE),100)

.PHONY: bench-storm
bench-storm: ## let 2,000 alerts begin within a minute, once with fifty kills of the process, and print what people were told (five minutes)
	$(BENCH) -bench Storm -benchtime 1x -v ./test/bench/storm

.PHONY: bench-hostile
bench-hostile: ## attack a guardian with 500 checks: 250,000 series of others, forty heavy queries, thousands of connections (five minutes)
	$(BENCH) -bench Hostile -benchtime 1x -v ./test/bench/hostile

# With SCALE=1 the alerts wait for as long as they say (a quarter of an hour).
.PHONY: bench-restart
bench-restart: setup ## restart in long alerts beside Prometheus with its Alertmanager, times divided by SCALE (10)
	$(BENCH) -bench Restart -benchtime 1x -v ./test/bench/notify -scale $(or $(SCALE),10)

# Not in CI: the servers and both Helms take long to build, once for each version. CI plays what was recorded
# of them; RECORD=1 records anew.
KUBERNETES = $(shell sed -n 's|^[[:space:]]*k8s.io/kubernetes \(v[^ ]*\).*|\1|p' test/k8s/go.mod)
SERVERS    = $(BIN)/kubernetes-$(KUBERNETES)
HELM      := v4.3.2
HELM3     := v3.22.0
HELMS      = $(BIN)/helm-$(HELM)-$(HELM3)

.PHONY: test-k8s
test-k8s: $(SERVERS)/kube-apiserver $(HELMS)/helm $(HELMS)/helm3 ## run the tests of kubernetes and helm steps against a real API server and its controllers (built once; RECORD=1 records what make test plays)
	./test/setup k8s
	cd test/k8s && $(GO) mod tidy -diff
	$(PLAIN) $(GO) test -count=1 -timeout 60m -v ./actions/kubernetes -k8s $(CURDIR)/$(SERVERS) $(if $(RECORD),-record) | grep -vE '^ *=== '
	$(PLAIN) $(GO) test -count=1 -timeout 60m -v ./actions/helm -k8s $(CURDIR)/$(SERVERS) -helm $(CURDIR)/$(HELMS) $(if $(RECORD),-record) | grep -vE '^ *=== '

$(SERVERS)/kube-apiserver:
	@mkdir -p $(SERVERS)
	cd test/k8s && $(PLAIN) $(GO) build -ldflags='-s -w' -o $(CURDIR)/$(SERVERS)/ ./controllers k8s.io/kubernetes/cmd/kube-apiserver

$(HELMS)/helm:
	@mkdir -p $(HELMS)
	$(PLAIN) GOBIN=$(CURDIR)/$(HELMS) $(GO) install -ldflags='-s -w' helm.sh/helm/v4/cmd/helm@$(HELM)

$(HELMS)/helm3:
	@mkdir -p $(HELMS)/tmp
	$(PLAIN) GOBIN=$(CURDIR)/$(HELMS)/tmp $(GO) install -ldflags='-s -w' helm.sh/helm/v3/cmd/helm@$(HELM3)
	mv $(HELMS)/tmp/helm $@ && rmdir $(HELMS)/tmp

# Not in CI: it takes 220 MiB from the npm registry, and a quarter of an hour.
.PHONY: realshop
realshop: setup ## play deploys, a price job and an outage to a guardian that watches a real shop: Vendure on PostgreSQL
	cd test/realshop/shop && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --ignore-scripts --no-audit --no-fund --silent; }
	$(PLAIN) $(GO) test -tags realshop -count=1 -timeout 60m -v ./test/realshop | grep -vE '^=== '

# On the real binary with simulated shops; it fails when a verdict is not the expected one.
.PHONY: scenarios
scenarios: ## play what deploys meet, and print each verdict and the time to it
	$(GO) test -count=1 -timeout $(TIMEOUT) -v ./test/scenario ./test/world | grep -vE '^=== |^ *--- PASS'

# Each of the faults of test/mutants/mutants.txt, alone, must make a test fail. ONLY is a regular
# expression of names and files.
.PHONY: mutants
mutants: ## take each guard, fence and redaction out, one after the other, and see that a test notices (ten minutes)
	$(PLAIN) $(GO) run ./test/mutants $(if $(ONLY),-only '$(ONLY)')

.PHONY: fuzz
fuzz: ## each fuzz test for FUZZTIME
	@grep -rho --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | awk '{print $$2}' | sort -u | while read -r f; do \
		dir=$$(dirname "$$(grep -rl --include='*_test.go' "^func $$f(" . | head -1)"); \
		echo "== $$dir $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) "$$dir"; \
	done

.PHONY: docker
docker: ## the container image
	docker build -t $(IMAGE) .

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN)
