# Developers' commands. "make" or "make help" lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(PATH)

# The place where Ansible, mypy and pytest find this checkout as a collection.
collections := .build/ansible_collections/tts
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build
export PYTHONPATH := $(CURDIR)/.build

play = ANSIBLE_CONFIG=tests/rig/ansible.cfg ansible-playbook \
	-i examples/inventory -i tests/rig/demo.yml -i tests/rig/jumbo.yml -i .rig/demo/inventory.yml

# $(call need,VARIABLES,usage): stop with the usage unless each of the variables has a value.
need = $(foreach name,$1,$(if $($(name)),,$(error $(name) is missing. Usage: $2)))

# A CMD in the environment reaches the shell as it is, but make would expand the $ in one
# that comes as its argument.
ifeq ($(origin CMD),command line)
$(error CMD comes from the environment. Usage: CMD='uname -r' make -s rig-ssh HOST=gpu1)
endif

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- the tools ---------------------------------------------------------------------------------

.PHONY: place
place:
	@tools/bootstrap
	@mkdir -p $(collections)
	@ln -sfn ../../.. $(collections)/modelstore

# --- the demo and the rig ----------------------------------------------------------------------

.PHONY: demo
demo: ## build and start three machines and bring the model store up on them
	@trap 'echo; echo "Interrupted. What runs keeps running: make demo goes on, make rig-down takes it down."' INT; \
	tools/step 'Tools' $(MAKE) place && \
	tools/step 'Machines' tools/rig up && \
	python tests/rig/make_models.py .rig/demo/models && \
	tools/step 'Playbook site' $(MAKE) play PLAY=site && \
	tools/step 'The URLs answer' tests/rig/probe .rig/demo/report.txt
	@echo
	@echo 'The machines keep running. Look around: make rig-ssh HOST=gpu1. Take them down: make rig-down.'
	@echo
	@cat .rig/demo/report.txt

.PHONY: play
play: ## run a playbook against the running rig: PLAY=site [ARGS='--check --diff']
	$(call need,PLAY,make play PLAY=site [ARGS='--check --diff'])
	@$(MAKE) place
	@tools/rig inventory >/dev/null
	@$(play) tts.modelstore.$(PLAY) $(ARGS)

.PHONY: rig-up
rig-up: place ## start the rig's machines, building their image if needed
	@tools/rig up

.PHONY: rig-down
rig-down: ## stop the rig's machines and forget their disks
	@tools/rig down

.PHONY: rig-snapshot
rig-snapshot: ## save the state of all machines: NAME=clean
	$(call need,NAME,make rig-snapshot NAME=clean)
	@tools/rig snapshot '$(NAME)'

.PHONY: rig-restore
rig-restore: ## go back to a saved state of all machines: NAME=clean
	$(call need,NAME,make rig-restore NAME=clean)
	@tools/rig restore '$(NAME)'

.PHONY: rig-ssh
rig-ssh: ## a shell on a machine, or CMD='uname -r' make -s rig-ssh HOST=gpu1
	$(call need,HOST,make rig-ssh HOST=gpu1  or  CMD='uname -r' make -s rig-ssh HOST=gpu1)
	@tools/rig ssh '$(HOST)' $${CMD:+"$$CMD"}

.PHONY: rig-cable
rig-cable: ## pull or plug a cable: HOST=gpu1 NET=storage_a STATE=down|up
	$(call need,HOST NET STATE,make rig-cable HOST=gpu1 NET=storage_a STATE=down|up)
	@tools/rig cable '$(HOST)' '$(NET)' '$(STATE)'

.PHONY: rig-power
rig-power: ## cut or give power: HOST=store1 STATE=off|on|reset
	$(call need,HOST STATE,make rig-power HOST=store1 STATE=off|on|reset)
	@tools/rig power '$(HOST)' '$(STATE)'

# --- tests -------------------------------------------------------------------------------------

.PHONY: test
test: check ## what continuous integration runs: check and the default scenario
	@$(MAKE) scenario NAME=default

.PHONY: test-long
test-long: check ## check and every scenario
	@for file in molecule/*/molecule.yml; do \
		$(MAKE) scenario NAME="$$(basename "$$(dirname "$$file")")" || exit; \
	done

.PHONY: scenario
scenario: ## run one molecule scenario: NAME=default
	$(call need,NAME,make scenario NAME=default)
	@$(MAKE) place
	@tools/rig image
	@mkdir -p .rig/molecule && rm -f .rig/molecule/*.log
	@trap 'tools/rig --name molecule down' EXIT INT TERM; cd $(collections)/modelstore && \
		tools/step 'Scenario $(NAME)' molecule test --scenario-name '$(NAME)'

.PHONY: test-hub
test-hub: place .build/hub/installed ## fetch models with the hubs' real clients from a hub on loopback
	@tools/step 'Downloads' pytest tests/hub -o pythonpath='.build tests/unit tests/hub'

.build/hub/installed: tests/hub/requirements.txt
	@tools/step 'Clients of the hubs' sh -c 'python -m venv --clear .build/hub && \
		.build/hub/bin/pip install --quiet --disable-pip-version-check --requirement $<'
	@touch $@

.PHONY: test-install
test-install: place .build/install/complete ## install applications with the role indextts2, with uv and git as they are
	@tools/step 'Installation' pytest tests/install -o pythonpath='.build tests/install'

# uv in the version that the role installs.
.build/install/complete: roles/indextts2/defaults/main.yml
	@tools/step 'uv' sh -c 'rm -rf .build/install && \
		python -m pip download --quiet --disable-pip-version-check --no-deps --dest .build/install/wheels \
		"uv==$$(sed -n "s/^indextts2_uv_version: //p" $<)"'
	@touch $@

# gradio wants other versions of what the tools use, so it has an environment of its own.
gateway := .cache/venv-gateway

$(gateway)/complete: tests/gateway/requirements.txt
	@python3 -m venv --clear $(gateway)
	@tools/step 'Gateway: packages' $(gateway)/bin/pip install --quiet --requirement $<
	@touch $@

.PHONY: test-gateway
test-gateway: place $(gateway)/complete ## the role tts_gateway and the synthesis check, with HAProxy and gradio on the loopback
	@PATH="$$PATH:/usr/sbin"; command -v haproxy >/dev/null || \
		{ echo 'haproxy is missing. Install the Debian package haproxy.' >&2; exit 1; }
	@tools/step 'Gateway' $(gateway)/bin/python -m pytest -c tests/gateway/pytest.ini \
		--rootdir tests/gateway tests/gateway

.PHONY: test-upstream
test-upstream: place ## IndexTTS2 itself on the CPU, with small random weights, as root: CHECKOUT=folder [VARS=file]
	$(call need,CHECKOUT,make test-upstream CHECKOUT=folder [VARS=file])
	@command -v systemd-nspawn >/dev/null || \
		{ echo 'systemd-nspawn is missing. Install the Debian package systemd-container.' >&2; exit 1; }
	@tools/step 'IndexTTS2' env CHECKOUT='$(abspath $(CHECKOUT))' VARS='$(VARS)' \
		pytest -c tests/upstream/pytest.ini --rootdir tests/upstream tests/upstream

.PHONY: bench
bench: place ## measure the running demo, side by side: [ARGS='reads target faults'] [PEERS=folder]
	@tools/bench $(ARGS)

.PHONY: check
check: lint types unit specs docs artifact sanity ## all checks that need no machines

.PHONY: lint
lint: place
	@tools/step 'ruff' ruff check
	@tools/step 'ruff format' ruff format --check
	@tools/step 'yamllint' yamllint --strict .
	@tools/step 'shellcheck' shellcheck $(shell git ls-files --cached --others --exclude-standard | \
		xargs -d '\n' awk 'FNR == 1 && /^#!.*[\/ ](ba)?sh$$/ { print FILENAME } FNR == 1 { nextfile }')
	@tools/step 'ansible-lint' ansible-lint --offline

.PHONY: types
types: place
	@tools/step 'mypy' mypy -p ansible_collections.tts.modelstore.plugins -p vmrig -p benchmarks
	@tools/step 'mypy, programs' mypy tests/rig/probe tools/bench tools/check-artifact \
		tools/check-specs tools/exit-codes tools/role-readme \
		roles/indextts2/files/indextts2_guard.py roles/indextts2/files/indextts2_synthesis.py \
		roles/tts_gateway/files/modelstore_gateway.py

.PHONY: unit
unit: place
	@tools/step 'pytest' pytest tests/unit

.PHONY: specs
specs: place
	@tools/step 'Role specifications' tools/check-specs
	@tools/step 'Role option tables' tools/role-readme --check
	@tools/step 'Table of exit codes' tools/exit-codes --check

.PHONY: docs
docs: place
	@tools/step 'Changelog' antsibull-changelog lint
	@tools/step 'Documentation' antsibull-docs lint-collection-docs --plugin-docs \
		--check-extra-docs-refs --validate-collection-refs self .

.PHONY: artifact
artifact: place
	@tools/step 'Build' ansible-galaxy collection build --force --output-path .build
	@tools/step 'Artifact' tools/check-artifact .build/tts-modelstore-*.tar.gz

.PHONY: sanity
sanity: place
	@tools/step 'ansible-test sanity' tools/sanity
