#!/usr/bin/env bash
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# All benchmarks, as root on Debian: installs the servers, and what is compared into .venv/benchmarks.
# Arguments are those of run.py: "run.sh --help".

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ $(id -u) != 0 ]]; then
    exec sudo -E bash "$PWD/benchmarks/run.sh" "$@"
fi
venv=$PWD/.venv/benchmarks
bash tests/servers/packages.sh test
apt-get install -y -qq curl >/dev/null
python=python3
# "ansible", for the modules of other collections, wants a newer Python than older systems have.
for version in 3.13 3.12; do
    for candidate in $(type -ap "python$version") "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/"python$version"; do
        if "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then
            python=$candidate
            break 2
        fi
    done
done
if ! "$venv/bin/python" -c 'import ansible, pylxd, matplotlib, requests_unixsocket' 2>/dev/null; then
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check ansible pylxd matplotlib requests 'requests-unixsocket>=0.4'
fi
export PYTHONPATH=$PWD/tests/servers:$PWD/tests/integration/targets/setup_lxd_many/files
exec "$venv/bin/python" benchmarks/run.py "$@"
