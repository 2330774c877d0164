#!/usr/bin/env bash
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs two Incus 7 daemons on an older Debian, from a folder with Debian 13 in it, as root.
#
#     incus7.sh start FOLDER   makes the folder, if it has to, and starts them; prints the variables for test.sh
#     incus7.sh stop FOLDER    stops them; the folder stays, and is removed by "remove"
#     incus7.sh remove FOLDER

set -euo pipefail

suite=trixie
action=${1:?start, stop or remove}
folder=$(realpath -m "${2:?a folder}")
names=(server twin)

# The mirror that this machine's own packages come from.
mirror() {
    {
        sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources
        sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    } 2>/dev/null | head -n 1
}

in_folder() {
    chroot "$folder" env DEBIAN_FRONTEND=noninteractive "$@"
}

make() {
    if [[ -x $folder/usr/libexec/incus/incusd ]]; then
        return
    fi
    command -v debootstrap >/dev/null || apt-get install --yes --quiet debootstrap
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$folder" "$(mirror)"
    # No service is started in the folder.
    printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
    chmod +x "$folder/usr/sbin/policy-rc.d"
    : >"$folder/etc/apt/sources.list"
    printf 'Types: deb\nURIs: %s\nSuites: %s %s-backports\nComponents: main\nSigned-By: %s\n' "$(mirror)" "$suite" "$suite" \
        /usr/share/keyrings/debian-archive-keyring.gpg >"$folder/etc/apt/sources.list.d/debian.sources"
    in_folder apt-get update --quiet
    # skopeo: what Incus copies images of application containers with.
    in_folder apt-get install --yes --quiet --no-install-recommends --target-release "$suite-backports" incus-base skopeo
}

join() {
    local name
    for name in proc sys dev; do
        mountpoint --quiet "$folder/$name" || { mount --rbind "/$name" "$folder/$name" && mount --make-rslave "$folder/$name"; }
    done
}

start() {
    local name attempt
    for name in "${names[@]}"; do
        mkdir -p "$folder/srv/$name"
        setsid chroot "$folder" env INCUS_DIR="/srv/$name" /usr/libexec/incus/incusd --group root \
            >"$folder/srv/$name.log" 2>&1 </dev/null &
        echo "$! $(cut -d ' ' -f 22 "/proc/$!/stat")" >"$folder/srv/$name.pid"
    done
    for name in "${names[@]}"; do
        for attempt in {1..60}; do
            if curl --silent --fail --unix-socket "$folder/srv/$name/unix.socket" http://localhost/1.0 >/dev/null; then
                break
            elif [[ $attempt == 60 ]]; then
                tail -n 20 "$folder/srv/$name.log" >&2
                exit 1
            fi
            sleep 0.5
        done
    done
    echo "INCUS_TEST_SOCKET=$folder/srv/server/unix.socket INCUS_TWIN_TEST_SOCKET=$folder/srv/twin/unix.socket"
}

# Ends what start() has started, if the id is still that of the same process.
stop() {
    local name pid ticks attempt
    for name in "${names[@]}"; do
        [[ -f $folder/srv/$name.pid ]] || continue
        read -r pid ticks <"$folder/srv/$name.pid"
        for attempt in {1..60}; do
            [[ $(cut -d ' ' -f 22 "/proc/$pid/stat" 2>/dev/null) == "$ticks" ]] || break
            if [[ $attempt == 1 ]]; then kill "$pid"; fi
            if [[ $attempt == 40 ]]; then kill -KILL "$pid"; fi
            sleep 0.5
        done
        rm "$folder/srv/$name.pid"
    done
    # Mounts of the daemons, and those of join(), the innermost first.
    awk -v below="$folder/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort --reverse | while read -r point; do
        umount --lazy "$point" || true
    done
}

case $action in
    start)
        make >&2
        join
        start
        ;;
    stop) stop ;;
    remove)
        stop
        rm --recursive --force --one-file-system "$folder"
        ;;
    *)
        echo "incus7.sh: start, stop or remove?" >&2
        exit 2
        ;;
esac
