# What a developer types. docs/development.md says what each target needs and how long it takes.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

CONTROL_PLANE := etcd kube-apiserver kubectl aws-iam-authenticator
FUZZTIME ?= 60s
FUZZ ?= .
WORKERS ?= 1
DRAFTS ?= 20000
SEED ?=
DOCUMENTS ?= internal/validate/testdata
BENCH ?= .
BENCHTIME ?= 1500ms
BENCHROUNDS ?= 5
BENCHINPUTS ?=
PERCENT ?= 100
WORLDS ?= 500
EDITS ?= 2000
# The Go release that go.mod names, whichever Go the machine has and whatever its GOTOOLCHAIN says. Scripts that may be called
# by themselves source test/tools/toolchain.sh.
export GOTOOLCHAIN := go$(shell sed -n 's/^go //p' go.mod)
# Tests, tools and what is shipped are compiled in one way, static and without the paths of this machine: in several, a fresh
# machine would compile every module several times. Without what only a debugger reads, that takes a sixth less; stack traces
# keep their lines.
export CGO_ENABLED := 0
go-flags := -trimpath -gcflags=all=-dwarf=false
export GOFLAGS := $(filter-out $(go-flags),$(GOFLAGS)) $(go-flags)

IMAGE ?= example.test/aws-auth-guard:dev
PLATFORMS ?= amd64 arm64

# A recipe that begins with this has the control plane's programs in KUBEBUILDER_ASSETS, downloaded or built if need be.
with-control-plane := KUBEBUILDER_ASSETS="$$(test/cluster/programs.sh $(CONTROL_PLANE))" && export KUBEBUILDER_ASSETS

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## EKS's way of signing in, a lockout, and the guard that prevents it, as a short story (CI=1: ends by itself)
	@$(with-control-plane) && helm="$$(test/cluster/build.sh helm)" && export PATH="$$helm:$$PATH" && go run ./test/demo $(if $(CI),--ci)

.PHONY: eks
eks: ## the same without the story: EKS's way of signing in with the guard, to try things on, until Ctrl-C
	@$(with-control-plane) && helm="$$(test/cluster/build.sh helm)" && export PATH="$$helm:$$PATH" && go run ./test/demo --no-story

.PHONY: programs
programs: ## the API server and what else the tests run, downloaded or from Go modules, unless that was done before
	@test/cluster/programs.sh $(CONTROL_PLANE) helm >/dev/null

# go vet is asked by make lint: it takes a fresh machine a minute to learn about all modules. -count=1: go test does not see when
# files outside of a module change, as the scripts that the tests of envtest run.
.PHONY: test
test: ## all tests, end to end on a real API server
	@$(with-control-plane) && helm="$$(test/cluster/build.sh helm)" && export PATH="$$helm:$$PATH" && \
	echo "compiling and running the tests of $$(go list ./... | wc -l | tr -d ' ') packages; the first compilation takes some minutes" >&2 && \
	status=0 && { go test -vet=off -timeout 30m ./... || status=1; } && { go test -C test/tools -vet=off ./... || status=1; } && \
	{ go test -C test/cluster/envtest -count=1 -vet=off ./... || status=1; } && { go test -C release -vet=off ./... || status=1; } && exit $$status

# In GOFLAGS, since some tests build the webhook and run that.
.PHONY: race
race: ## the tests of all that answers several at once, under the race detector (needs a C compiler)
	@CGO_ENABLED=1 GOFLAGS="$(GOFLAGS) -race" GORACE=halt_on_error=1 go test -short -vet=off -skip '^Fuzz' -timeout 30m ./internal/... ./cmd/webhook ./certs

.PHONY: fuzz
fuzz: ## all fuzz targets, FUZZTIME (60s) each, WORKERS (1) at once; FUZZ=regexp selects some; resumes where it was ended
	@go run ./test/fuzz -time $(FUZZTIME) -target '$(FUZZ)' -workers $(WORKERS) -done bin/fuzz .

.PHONY: drafts
drafts: ## the fuzz targets that draw documents by dice, with DRAFTS (20000) random ones each; SEED=number: those of a run before
	@AWS_AUTH_GUARD_DRAFTS=$(DRAFTS) AWS_AUTH_GUARD_SEED=$(SEED) go test -count=1 -timeout 0 -run '^Fuzz(Mutated|Consistent|Repairs|Steps)$$' ./internal/validate

.PHONY: heldout
heldout: ## checks every file in DOCUMENTS against aws-iam-authenticator's parser
	@AWS_AUTH_GUARD_DOCUMENTS="$(abspath $(DOCUMENTS))" go test -count=1 -v -timeout 0 -run '^TestHeldOut$$' ./internal/validate

# A smoke run: make bench BENCHROUNDS=1 BENCHTIME=50ms BENCHINPUTS=unchanged,changed,denied
.PHONY: bench
bench: ## the guard compared with OPA and a webhook that does nothing: BENCHROUNDS (5) of BENCHTIME (1500ms), BENCHINPUTS (all)
	@AWS_AUTH_GUARD_OPA="$$(test/bench/opa/build.sh)" && export AWS_AUTH_GUARD_OPA && \
	go test -count=1 ./test/bench && \
	go run ./test/bench -opa "$$AWS_AUTH_GUARD_OPA" -rounds $(BENCHROUNDS) -length $(BENCHTIME) -inputs '$(BENCHINPUTS)'

.PHONY: chaos
chaos: ## everything around the guard breaks, and no bad edit is allowed (PERCENT=100 of the repetitions)
	@$(with-control-plane) && go test -tags chaos -count=1 -v -timeout 40m ./test/chaos -args -percent $(PERCENT)

.PHONY: gobench
gobench: ## the Go benchmarks, for benchstat (BENCH=regexp)
	@go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: lint
lint: ## everything that is checked without running the guard
	@test/tools/lint.sh

.PHONY: sbom
sbom: ## the modules of the programs: bin/sbom/*.cdx.json (CycloneDX)
	@test/tools/sbom.sh bin/sbom

.PHONY: fmt
fmt: ## gofmt
	@gofmt -s -w $$(git ls-files -co --exclude-standard '*.go')

.PHONY: new-rule
new-rule: ## the files of a rule that does not exist yet: ID=AA199 NAME=what-it-catches
	@go run ./internal/validate/newrule internal/validate '$(ID)' '$(NAME)'

.PHONY: golden
golden: generate ## generated files and everything that a test compares byte by byte; read the difference
	@go test -count=1 ./internal/validate -run '^TestGolden$$' -update
	@go test -count=1 ./internal/cli -run '^TestScript' -update
	@go test -count=1 ./deploy/helm -update
	@go test -count=1 ./internal -run '^TestPromisedNames$$' -update

.PHONY: generate
generate: ## what is generated from code and comments
	@go generate ./...

.PHONY: pictures
pictures: ## the terminal pictures of the documentation, from what the programs print
	@go test -vet=off -count=1 ./test/screens ./internal/cli -run '^TestPicture$$' -args -update
	@$(with-control-plane) && helm="$$(test/cluster/build.sh helm)" && export PATH="$$helm:$$PATH" && go run ./test/demo --picture

.PHONY: build
build: ## the webhook and the kubectl plugin, into bin/
	@go build -ldflags '-s -w' -o bin/ ./cmd/...
	@ln -sf kubectl-awsauth bin/kubectl_complete-awsauth
	@ls bin/webhook bin/kubectl-awsauth bin/kubectl_complete-awsauth

.PHONY: man
man: ## the man pages of the kubectl plugin, into bin/man/
	@go run ./internal/cli/genman bin/man
	@ls bin/man/*

.PHONY: image
image: ## the webhook as an image for PLATFORMS, bin/aws-auth-guard.tar
	@for arch in $(PLATFORMS); do \
		GOOS=linux GOARCH=$$arch go build -ldflags '-s -w' -o bin/linux-$$arch/webhook ./cmd/webhook; \
	done
	@go run -C release . image -name $(IMAGE) -o $(CURDIR)/bin/aws-auth-guard.tar \
		$(foreach arch,$(PLATFORMS),linux/$(arch)=$(CURDIR)/bin/linux-$(arch)/webhook)

# For another cluster: CLUSTER=name. Commands run inside by test/cluster/in.sh.
.PHONY: cluster-up cluster-down
cluster-up: PLATFORMS = $(shell go env GOARCH)
cluster-up: image ## a cluster with a node, and the image on it (Linux, root)
	@test/cluster/up.sh bin/aws-auth-guard.tar
cluster-down: ## ends it
	@test/cluster/down.sh

# A KUBECONFIG of the environment may name any cluster: only one that is named in the command itself is used.
.PHONY: e2e
e2e: ## the chart on a node of its own (Linux, root), or on a cluster you may break: KUBECONFIG=FILE IMAGE=NAME:TAG
ifeq ($(origin KUBECONFIG),command line)
	@test/e2e/installed/run.sh $(IMAGE) $(abspath $(KUBECONFIG))
else
	@test/e2e/installed/run.sh
	@$(MAKE) screens worlds signin
endif

# Each is for a look before a release, and no part of make test, make e2e or .ci/run.
.PHONY: e2e-versions e2e-prometheus e2e-cert-manager
e2e-versions: ## the tests with an API server, on the oldest and the newest Kubernetes that the chart names
	@test/e2e/versions.sh
e2e-prometheus: ## the chart's alerts in promtool, and a real Prometheus on a node: alerts fire and clear, dashboards have data
	@programs="$$(test/cluster/build.sh promtool helm)" && \
	PATH="$$programs:$$PATH" go test -vet=off -count=1 -tags prometheus -v -run '^TestAlerts$$' ./deploy/helm
	@TAGS=prometheus TESTS='^TestPrometheus$$' test/e2e/installed/run.sh
e2e-cert-manager: ## cert-manager on a node with the chart: certificate and authority are renewed under load (Linux, root)
	@TAGS=certmanager TESTS='^TestCertManager$$' test/e2e/installed/run.sh

.PHONY: screens
screens: ## what an operator sees of mistakes in kubectl edit, some of them in nano and vi (UPDATE=1 writes the screens again)
	@test/screens/prepare.sh && $(with-control-plane) && helm="$$(test/cluster/build.sh helm)" && export PATH="$$helm:$$PATH" && \
	go test -tags e2e -count=1 -timeout 10m ./test/screens $(if $(UPDATE),-args -update)

.PHONY: worlds
worlds: ## random worlds of RBAC, resolved by the guard and by a real API server (WORLDS=500)
	@$(with-control-plane) && AWS_AUTH_GUARD_WORLDS=$(WORLDS) go test -count=1 -timeout 40m -v -run '^TestAgainstAPIServer$$' ./internal/rbac

.PHONY: signin
signin: ## random edits of aws-auth (EDITS=2000) and those of the cases (TRANSITIONS=directory), after each of which everybody signs in
	@$(with-control-plane) && AWS_AUTH_GUARD_EDITS=$(EDITS) AWS_AUTH_GUARD_SEED=$(SEED) \
		AWS_AUTH_GUARD_TRANSITIONS="$(if $(TRANSITIONS),$(abspath $(TRANSITIONS)))" \
		go test -count=1 -timeout 0 -v -run '^Test(Oracle|Transitions)$$' ./test/eks

.PHONY: clean
clean: ## removes bin/
	@rm -rf bin

# --- Releases: docs/releasing.md. COSIGN_PRIVATE_KEY and COSIGN_PASSWORD in the environment sign.
VERSION ?=
REGISTRY ?=
RELEASE_PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: release
release: ## the files of VERSION=0.1.0 for RELEASE_PLATFORMS, into bin/release/
	@release/release.sh '$(VERSION)' bin/release $(RELEASE_PLATFORMS)

.PHONY: publish
publish: ## pushes image and chart of bin/release/ (VERSION=0.1.0) to REGISTRY=HOST/PATH, and prints how to install them
	@release/publish.sh '$(VERSION)' bin/release '$(REGISTRY)'

.PHONY: reproducible
reproducible: RELEASE_PLATFORMS = linux/$(shell go env GOARCH)
reproducible: ## a release of the last commit for RELEASE_PLATFORMS, made in two directories, is the same byte for byte
	@release/reproducible.sh $(RELEASE_PLATFORMS)

.PHONY: release-test
release-test: ## a release for this machine: installed by krew, pushed to a registry on loopback, verified by cosign; action and hook
	@go test -C release -tags e2e -count=1 -vet=off -timeout 30m ./acceptance
