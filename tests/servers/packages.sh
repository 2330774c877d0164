#!/usr/bin/env bash
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Installs what is missing on Debian or Ubuntu:
#   packages.sh demo    python venv, busybox, and LXD or Incus if the machine has neither
#   packages.sh code    python venv and the tools of the tests that need no server
#   packages.sh test    both of these, and both LXD and Incus
# Does not touch apt when everything is there, and never changes the machine's package sources.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${1:-}
if [[ $target != demo && $target != code && $target != test ]]; then
    echo "usage: $0 demo|code|test" >&2
    exit 2
fi

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
log=$(mktemp)
scratch=$(mktemp -d)
# apt gives some of the files to another user.
trap 'rm -rf "$log" "$scratch" 2>/dev/null || as_root rm -rf "$scratch"' EXIT

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -q -y \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 </dev/null
}

failed() {
    cat "$log" >&2
    echo "packages.sh: $* failed" >&2
    exit 1
}

# A fresh machine may still be busy with its own first update.
update() {
    local attempt
    for attempt in 1 2 3 4 5; do
        if apt_get update "$@"; then return 0; fi
        sleep $((attempt * 3))
    done
    failed apt-get update
}

# Options for apt-get come before "--", packages after it.
install() {
    local words="$*"
    echo "installing ${words##*-- }"
    apt_get install --no-install-recommends "$@" || failed apt-get install "$@"
}

# The version that the machine's own sources would install.
candidate() {
    LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -vx '(none)'
}

has_server() {
    python3 "$here/servers.py" daemon "$1" >/dev/null
}

release() {
    sed -n "s/^$1=//p" /etc/os-release | tr -d '"'
}

install_lxd() {
    # On Ubuntu the package of that name only installs a snap, which can't serve from a directory of ours.
    if [[ -z $(candidate lxd) ]] || apt-cache show --no-all-versions lxd | grep -Eqi 'snapd|transitional'; then
        return 1
    fi
    # uidmap: without a range of ids for root no unprivileged container starts; the daemons call ip.
    install -- lxd lxd-client uidmap iproute2
}

install_incus() {
    local version suite options
    # The daemon without what virtual machines need, where the distribution has it as a package of its own.
    version=$(candidate incus-base)
    if [[ -n $version && $version != *~bpo* ]]; then
        install -- incus-base incus-client uidmap iproute2
        return
    fi
    if [[ -z $version && -n $(candidate incus) ]]; then
        install -- incus uidmap iproute2
        return
    fi
    [[ $(release ID) == debian ]] || return 1
    suite=$(as_root python3 "$here/backports.py" "$scratch/parts" "$(release VERSION_CODENAME)" stable) || return 1
    # Lists and caches of their own: the machine's stay as they are.
    mkdir -p "$scratch/lists/partial"
    chmod -R a+rX "$scratch"
    options=(-o "Dir::Etc::SourceParts=$scratch/parts" -o "Dir::State::Lists=$scratch/lists")
    options+=(-o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=")
    update "${options[@]}"
    install "${options[@]}" -t "$suite" -- incus-base incus-client uidmap iproute2
}

missing=()
# Debian and Ubuntu split ensurepip from python3; without it a venv has no pip.
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
wanted=()
if [[ $target != code ]]; then
    command -v busybox >/dev/null || missing+=(busybox-static)
fi
if [[ $target != demo ]]; then
    command -v shellcheck >/dev/null || missing+=(shellcheck)
    command -v ssh-keygen >/dev/null || missing+=(openssh-client)
    command -v git >/dev/null || missing+=(git)
fi
if [[ $target == code ]]; then
    :
elif [[ $target == test ]]; then
    command -v mksquashfs >/dev/null || missing+=(squashfs-tools)
    command -v openssl >/dev/null || missing+=(openssl)
    command -v curl >/dev/null || missing+=(curl)
    # On Ubuntu the package of that name only installs a snap. The tests say that they need it.
    command -v chromium >/dev/null || [[ $(release ID) == ubuntu ]] || missing+=(chromium)
    command -v npm >/dev/null || missing+=(npm)
    for vendor in lxd incus; do
        has_server "$vendor" || wanted+=("$vendor")
    done
elif ! python3 "$here/servers.py" running >/dev/null && ! has_server lxd && ! has_server incus; then
    wanted=(any)
fi

if [[ ${#missing[@]} == 0 && ${#wanted[@]} == 0 ]]; then
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "packages.sh: not Debian or Ubuntu; please install: ${missing[*]} ${wanted[*]/any/lxd or incus}" >&2
    exit 1
fi

update
if [[ ${#missing[@]} != 0 ]]; then
    install -- "${missing[@]}"
fi
for vendor in "${wanted[@]}"; do
    case $vendor in
        any)
            if ! install_lxd && ! install_incus; then
                if ! command -v snap >/dev/null; then
                    echo "packages.sh: no package of LXD or Incus in the sources of this machine" >&2
                    exit 1
                fi
                echo "installing the snap of lxd"
                as_root snap install lxd >"$log" 2>&1 || failed snap install
            fi
            ;;
        *)
            # The tests say which servers they need.
            "install_$vendor" || echo "packages.sh: no package of $vendor in the sources of this machine" >&2
            ;;
    esac
done
