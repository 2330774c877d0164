# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

.PHONY: demo test units sanity integration runner lint molecule docs clean

demo: ## show the collection at work on a local server
	bash demo.sh

test: ## all tests
	bash test.sh

units: ## unit tests
	bash test.sh units

sanity: ## ansible-test sanity
	bash test.sh sanity

# make integration TARGETS="lxd_image lxd_image_info"
integration: ## the modules against a real LXD and a real Incus
	bash test.sh integration $(TARGETS)

runner: ## the built collection, as a job of ansible-runner
	bash test.sh runner

lint: ## all linters (pip install nox antsibull-nox ansible-core)
	nox

molecule: ## the molecule scenario
	nox -e molecule

docs: ## the documentation as a site
	bash docs/build.sh

clean: ## remove what the targets above left behind
	rm -rf .venv .nox docsite tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
