#!/usr/bin/env bash
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Shows the collection at work, straight from a checkout, on Debian or Ubuntu. Uses the LXD or Incus of this machine if
# one answers, otherwise starts one in a temporary directory; leaves the store of images as it was.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

name=community-lxd-demo
venv=$PWD/.venv/demo
servers=tests/servers/servers.py
vendor='' socket='' before='' own=''
# Short, because the path of a unix socket has to be.
work=$(mktemp -d /tmp/lxd-demo.XXXXXX)
# The containers of a server of our own have to reach their files.
chmod 711 "$work"

step() {
    printf '\n== %s\n' "$*"
}

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

playbook() {
    "$venv/bin/ansible-playbook" playbooks/demo.yml -i localhost, \
        -e "demo_url=unix:$socket" -e "demo_path=$work/images/tiny.tar.gz" "$@"
}

store() {
    python3 "$servers" store --socket "$socket"
}

# Whatever happened: the store is as before, and what was started is stopped.
# shellcheck disable=SC2317
finish() {
    local status=$? after
    trap - EXIT
    trap '' INT TERM
    set +e
    if [[ -n $before ]]; then
        after=$(store)
        if [[ $after != "${before#:}" ]]; then
            # The playbook cleans up behind itself unless it was interrupted.
            playbook --tags cleanup >"$work/cleanup.log" 2>&1 || cat "$work/cleanup.log"
            after=$(store)
        fi
        if [[ $after == "${before#:}" ]]; then
            echo "The store is as it was found ($(grep -c '^image ' <<<"$after") images)."
        else
            echo "The store is not as it was found:"
            diff <(echo "${before#:}") <(echo "$after")
            status=1
        fi
    fi
    if [[ -n $own ]]; then
        as_root python3 "$servers" stop --dir "$work/servers" && echo "Stopped the $vendor that the demo had started."
    fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "Packages"
bash tests/servers/packages.sh demo
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    python3 -m venv "$venv"
fi
"$venv/bin/python" -m pip install -qq --disable-pip-version-check ansible-core requests 'requests-unixsocket>=0.4'
mkdir -p "$venv/collections/ansible_collections/community"
ln -sfn "$PWD" "$venv/collections/ansible_collections/community/lxd"
touch "$work/ansible.cfg"
# Nothing is left in, or taken from, the user's own Ansible files.
export ANSIBLE_COLLECTIONS_PATH=$venv/collections ANSIBLE_CONFIG=$work/ansible.cfg ANSIBLE_HOME=$work/ansible
export ANSIBLE_REMOTE_TMP=$work/ansible/tmp ANSIBLE_NOCOWS=1 LC_ALL=C.UTF-8
"$venv/bin/ansible" --version | sed -n 1p
python3 tests/servers/images.py "$work/images"

step "Server"
if found=$(python3 "$servers" running); then
    read -r vendor socket <<<"$found"
    echo "Using the $vendor of this machine at $socket."
else
    vendor=lxd
    python3 "$servers" daemon lxd >/dev/null || vendor=incus
    if [[ $(id -u) != 0 ]] && ! python3 "$servers" daemon "$vendor" >/dev/null; then
        echo "Only root may use the server of this machine: continuing with sudo."
        rm -rf "$work"
        exec sudo -E bash "$PWD/demo.sh"
    fi
    own=yes
    as_root python3 "$servers" start --dir "$work/servers" --vendor "$vendor" --group "$(id -gn)" >"$work/servers.json"
    socket=$work/servers/$vendor/state/unix.socket
    echo "Started the demo's own $vendor in $work, to be removed at the end."
fi
found=$(store)
fingerprint=$(sha256sum "$work/images/tiny.tar.gz")
if grep -q -e "$name" -e "${fingerprint%% *}" <<<"$found"; then
    client=${vendor/lxd/lxc}
    echo "The server has something of the demo already, maybe from an earlier run that was killed. To remove it:" >&2
    echo "  $client delete -f $name; $client image delete ${fingerprint%% *}; $client storage delete $name" >&2
    exit 1
fi
# The colon stands for "known", should the store be empty.
before=:$found

step "Playbook"
playbook

step "After"
