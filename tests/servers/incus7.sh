#!/usr/bin/env bash
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Fills a folder with Incus 7 of Debian 13, and with all that it needs: "servers.py start --vendor incus7" runs it.
#
#     incus7.sh FOLDER
#
# Downloads some 95 MB of packages and unpacks them, which takes 350 MB. The folder is no system of its own: the daemon gets
# the folder's usr/ as its /usr, and sees the rest of the machine as it is. The machine's packages and sources of packages stay
# as they are. Does nothing if the folder is there. Exit status 3: the machine isn't one that can do this.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(realpath -m "${1:?a folder}")
release=trixie

setting() {
    sed -n "s/^$1=//p" /etc/os-release | tr -d '"'
}

if [[ -x $folder/usr/libexec/incus/incusd && -x $folder/usr/bin/docker-registry ]]; then
    exit 0
fi
if [[ $(setting ID) != debian ]] || ! command -v apt-get >/dev/null; then
    echo "incus7.sh: this is not Debian"
    exit 3
fi
if [[ ! -L /bin || ! -L /lib ]]; then
    echo "incus7.sh: /bin and /lib of this machine are not in its /usr"
    exit 3
fi

mkdir -p "$(dirname "$folder")"
# Beside the folder, which is complete when it gets its name.
scratch=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch"/{lists,archives}/partial "$scratch/new"
: >"$scratch/status"
suite=$(python3 "$here/backports.py" "$scratch/parts" "$(setting VERSION_CODENAME)" stable --release "$release")
# To this apt nothing is installed, and there are no other sources. It works as root, because the folder isn't everybody's.
cat >"$scratch/apt.conf" <<CONF
Dir::State "$scratch";
Dir::State::lists "$scratch/lists";
Dir::State::status "$scratch/status";
Dir::Cache "$scratch";
Dir::Cache::archives "$scratch/archives";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$scratch/parts";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Retries "3";
CONF
export APT_CONFIG=$scratch/apt.conf
apt-get -qq update
# What every Debian has is no dependency of any package. skopeo: what Incus copies application containers with; the registry is
# for the tests of that.
apt-get -qq --yes --download-only --target-release "$suite" install \
    bash coreutils dash findutils gawk grep gzip hostname kmod procps sed tar util-linux incus-base skopeo docker-registry
unset APT_CONFIG
find "$scratch/archives" -name '*.deb' -print0 | xargs -0 -P "$(nproc)" -I '{}' dpkg-deb --extract '{}' "$scratch/new"
chmod 755 "$scratch/new"
rm -rf "$folder"
mv -T "$scratch/new" "$folder"
