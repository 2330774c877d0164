#!/usr/bin/env bash
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs the tests of this checkout, on Debian or Ubuntu:
#   test.sh [all]                   everything, of the last three a sample
#   test.sh units [ARGUMENT…]       pytest
#   test.sh sanity                  ansible-test sanity
#   test.sh integration [TARGET…]   the modules against a real LXD and a real Incus (needs root, as the following do)
#   test.sh runner [ARGUMENT…]      the built collection, as a job of ansible-runner
#   test.sh properties [--whole]    random stores and random tasks (pytest takes further arguments)
#   test.sh concurrency [--whole]   many tasks at once
#   test.sh faults [--whole]        a fault at every request, a killed module, a killed server
# The full logs of the last run are in .venv/test/logs.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

what=${1:-all}
shift || true
arguments=("$@")
case $what in
    all | units | sanity | integration | runner | properties | concurrency | faults) ;;
    *)
        sed -n 's/^#   //p' "$0" >&2
        exit 2
        ;;
esac
if [[ $what != units && $what != sanity ]] && [[ $(id -u) != 0 ]]; then
    echo "The servers under test need root: continuing with sudo."
    exec sudo -E bash "$PWD/test.sh" "$what" "${arguments[@]}"
fi

venv=$PWD/.venv/test
logs=$venv/logs
# ansible-test keeps its environments there between two runs, and nothing in the user's home.
home=$venv/home
# Short, because the path of a unix socket has to be.
work=$(mktemp -d /tmp/lxd-test.XXXXXX)
# The containers of the servers under test have to reach their files.
chmod 711 "$work"
collection=ansible_collections/community/lxd
wanted_python='3.13 3.12 3.11 3.10 3.9'
started=''

# shellcheck disable=SC2317
finish() {
    local status=$? job
    trap - EXIT
    trap '' INT TERM
    set +e
    # As from the keyboard: what has started servers of its own stops them then.
    for job in $(jobs -p); do
        kill -INT -- "-$job" 2>/dev/null
    done
    wait
    if [[ -n $started ]]; then
        python3 tests/servers/servers.py stop --dir "$work/servers"
    fi
    rm -rf "$work"
    if [[ -n ${SUDO_UID:-} ]]; then
        chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" .venv
    fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step() {
    printf '\n== %s\n' "$*"
}

# record PART PASSED FAILED SECONDS: one row of the summary. In files, because parts run side by side.
record() {
    printf '%-22s %6d %6d %5ds\n' "$@" >>"$work/rows"
}

note() {
    printf 'note: %s\n' "$*" >>"$work/notes"
}

# A python of that version which really runs: the shims of a version manager may only pretend to.
find_python() {
    local candidate
    while read -r candidate; do
        if "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))' 2>/dev/null; then
            return
        fi
    done < <(
        type -ap "python$1"
        find "${PYENV_ROOT:-$HOME/.pyenv}/versions" -maxdepth 3 -path "*/bin/python$1" 2>/dev/null
    )
    return 1
}

prepare_pythons() {
    local version path
    python=''
    mkdir -p "$work/bin"
    for version in $wanted_python; do
        path=$(find_python "$version") || continue
        ln -s "$path" "$work/bin/python$version"
        if [[ -z $python ]] && "$path" -c 'import venv, ensurepip' 2>/dev/null; then
            python=$path
        fi
    done
    path=$(find_python 3.14) && ln -s "$path" "$work/bin/python3.14"
    if [[ -z $python ]]; then
        echo "test.sh: no python of $wanted_python with venv on this machine" >&2
        exit 1
    fi
}

prepare_venv() {
    local pip=("$venv/bin/python" -m pip -qq --disable-pip-version-check)
    if [[ $("$venv/bin/python" -c 'import os, sys; print(os.path.realpath(sys.executable))' 2>&1) != "$python" ]] ||
        ! "${pip[@]}" --version >/dev/null 2>&1; then
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
    mkdir -p "$logs" "$home/.config/pip" "$home/.ansible/test/cache" "$home/wheels"
    "${pip[@]}" install ansible-core pytest pytest-xdist coverage hypothesis requests 'requests-unixsocket>=0.4'
    "$venv/bin/ansible" --version | sed -n 1p

    # ansible-test hides the environment from pip, and has another home: what pip is told here goes into a file.
    "${pip[@]}" config list | "$python" -c '
import ast, sys
pairs = (line.rstrip().split("=", 1) for line in sys.stdin if "=" in line)
# The same may be in a file and in the environment.
values = {name.rpartition(".")[2]: value for name, value in pairs}
print("[global]")
for name, value in values.items():
    print(name, "=", ast.literal_eval(value).replace("\n", "\n    "))
' >"$home/.config/pip/pip.conf"

    # It fetches a script that installs pip; the same from the wheel of that version, by way of pip itself.
    local version file
    # shellcheck disable=SC2013
    for version in $(sed -n "s/^ *pip='\([0-9.]*\)',.*/\1/p" \
        "$venv"/lib/python*/site-packages/ansible_test/_internal/python_requirements.py); do
        file=$home/.ansible/test/cache/get_pip_${version//./_}.py
        [[ -e $file ]] && continue
        "${pip[@]}" download --no-deps -d "$home/wheels" "pip==$version" || continue
        cat >"$file" <<PYTHON
import sys

sys.path.insert(0, "$home/wheels/pip-$version-py3-none-any.whl")
from pip._internal.cli.main import main

arguments = [value for value in sys.argv[1:] if value not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--find-links", "$home/wheels", *arguments]))
PYTHON
    done
}

ansible_test() {
    env HOME="$home" PATH="$venv/bin:$work/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin" \
        LC_ALL=C.UTF-8 ansible-test "$@" </dev/null
}

# Files of the checkout, including what is not committed yet.
list_files() {
    local file
    if [[ $(git -c safe.directory='*' rev-parse --show-toplevel 2>/dev/null) == "$PWD" ]]; then
        git -c safe.directory='*' ls-files -z -co --exclude-standard | while IFS= read -r -d '' file; do
            # A file that was removed is listed until that is committed.
            if [[ -e $file || -L $file ]]; then printf '%s\0' "$file"; fi
        done
    else
        find . \( -name .git -o -name .venv -o -name __pycache__ -o -path ./tests/output \) -prune -o \
            \( -type f -o -type l \) -print0
    fi
}

# copy_tree DIRECTORY: ansible-test only works on a collection at its place in a tree of collections.
copy_tree() {
    mkdir -p "$1/$collection"
    list_files | tar --create --null --files-from=- | tar --extract --directory "$1/$collection"
}

# run_pytest PART [ARGUMENT…]: some tests by pytest, and what they counted.
run_pytest() {
    local part=$1 begin=$SECONDS status=0 counts good bad
    shift
    step "Tests: $part"
    (
        cd "$work/tree/$collection"
        PYTHONPATH=$work/tree PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest -q -rsx \
            -p no:cacheprovider --basetemp="$work/pytest-$part" --junitxml="$work/$part.xml" "$@"
    ) >"$logs/$part.log" 2>&1 || status=$?
    # A skipped test counts as a failure: here nothing it may want is missing.
    counts=$("$python" - "$work/$part.xml" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

try:
    suite = tree.parse(sys.argv[1]).getroot().find("testsuite").attrib
    bad = sum(int(suite[key]) for key in ("failures", "errors", "skipped"))
    print(int(suite["tests"]) - bad, bad)
except (OSError, tree.ParseError):
    print("0 0")
PYTHON
    )
    read -r good bad <<<"$counts"
    if [[ $status != 0 && $bad == 0 ]]; then bad=1; fi
    if [[ $bad != 0 ]]; then tail -n 150 "$logs/$part.log"; else tail -n 1 "$logs/$part.log"; fi
    record "$part" "$good" "$bad" $((SECONDS - begin))
}

run_units() {
    run_pytest units -n 2 tests/unit "${arguments[@]}"
}

run_runner() {
    run_pytest runner tests/runner "${arguments[@]}"
}

# Whether all of it was asked for; takes that word out of the arguments.
is_whole() {
    if [[ ${arguments[0]:-} == --whole ]]; then
        arguments=("${arguments[@]:1}")
        return 0
    fi
    return 1
}

run_properties() {
    local profile=sample
    if is_whole; then profile=whole; fi
    run_pytest properties --hypothesis-profile=$profile tests/properties "${arguments[@]}"
}

run_concurrency() {
    local rounds=1
    if is_whole; then rounds=10; fi
    run_pytest concurrency --rounds $rounds tests/concurrency "${arguments[@]}"
}

run_faults() {
    local begin=$SECONDS status=0 counts good bad sample=(--sample 75)
    if is_whole; then sample=(); fi
    step "Faults"
    (
        cd "$work/tree/$collection"
        PYTHONPATH=$work/tree PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" tests/faults/run.py "${sample[@]}" "${arguments[@]}"
    ) >"$logs/faults.log" 2>&1 || status=$?
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$logs/faults.log" | tail -n 1)
    read -r good bad <<<"${counts:-0 0}"
    if [[ $status != 0 && $bad == 0 ]]; then bad=1; fi
    if [[ $bad != 0 ]]; then tail -n 150 "$logs/faults.log"; fi
    record faults "$good" "$bad" $((SECONDS - begin))
}

run_sanity() {
    local begin=$SECONDS status=0 log=$logs/sanity.log total bad absent line
    step "Sanity tests"
    (
        cd "$work/tree/$collection"
        ansible_test sanity --local --color no
    ) >"$log" 2>&1 || status=$?
    total=$(sed -n 's/^Running sanity test "\([^"]*\)".*/\1/p' "$log" | sort -u | wc -l)
    bad=$(sed -n 's/.*The \([0-9]*\) sanity test(s) listed below.*/\1/p' "$log" | tail -n 1)
    bad=${bad:-0}
    if [[ $status != 0 && $bad == 0 ]]; then bad=1; fi
    # Pythons that this machine doesn't have can't be helped; but a test whose program is missing counts as passed.
    absent=$(sed -n 's/.*Skipping sanity test .* on Python \([0-9.]*\) because it could not be found.*/\1/p' "$log" |
        sort -uV | xargs)
    if [[ -n $absent ]]; then note "sanity: not compiled and imported with python $absent, which is not here"; fi
    while read -r line; do
        note "sanity: $line"
        bad=$((bad + 1))
    done < <(grep -E 'Skipping|Required program' "$log" | grep -v 'because it could not be found' | sort -u)
    # Most of the log is about packages being installed.
    if [[ $bad != 0 || $total == 0 ]]; then
        grep -E '^(ERROR|FATAL|WARNING)' "$log" | tail -n 150 || tail -n 150 "$log"
    fi
    if [[ $total == 0 ]]; then bad=1 total=1; fi
    record sanity $((total > bad ? total - bad : 0)) "$bad" $((SECONDS - begin))
}

# Values that the targets find in integration_config.yml (JSON is YAML).
write_config() {
    "$python" - "$work/servers.json" "$1" "$work" <<'PYTHON'
import json
import sys

described, vendor, work = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
server = described["servers"][vendor]
# Servers to copy from, used by the tests of both vendors at once.
twins = described["twins"]
config = {
    "vendor": vendor,
    "lxd_url": server["url"],
    "lxd_socket": server["socket"],
    "lxd_https_url": server["https_url"],
    "lxd_server_cert": server["server_cert"],
    "lxd_client_cert": described["client_cert"],
    "lxd_client_key": described["client_key"],
    "lxd_untrusted_cert": described["untrusted_cert"],
    "lxd_untrusted_key": described["untrusted_key"],
    "recorder_url": server["recorder_url"],
    "recorder_log": server["recorder_log"],
    "images_dir": f"{work}/images",
    "client_command": server["client_command"],
    "client_environment": server["client_environment"],
    "scratch_dir": f"{work}/scratch-{vendor}",
    "servers_dir": f"{work}/tree/ansible_collections/community/lxd/tests/servers",
    "twin_server": twins[vendor],
    "other_server": next((twin for name, twin in twins.items() if name != vendor), None),
}
print(json.dumps(config, indent=2))
PYTHON
}

# integrate VENDOR: runs the targets against one server, in a tree of its own.
integrate() {
    # Homes of their own, because ansible-test makes an SSH key there when it starts.
    local tree=$work/$1 home=$work/home-$1
    mkdir "$work/scratch-$1" "$home"
    copy_tree "$tree"
    write_config "$1" >"$tree/$collection/tests/integration/integration_config.yml"
    cd "$tree/$collection"
    ansible_test integration --local -v --color no --allow-destructive --allow-root --allow-unsupported --continue-on-error \
        "${arguments[@]}" >"$logs/integration-$1.log" 2>&1
}

run_integration() {
    local begin=$SECONDS vendor vendors=() total bad line log status
    local -A jobs_of seconds_of
    step "Integration tests"
    for vendor in lxd incus; do
        if python3 tests/servers/servers.py daemon $vendor >/dev/null; then
            vendors+=("$vendor")
        else
            note "integration: $vendor is not on this machine and was not tested"
            # Ubuntu has LXD as a snap only, which can't serve from a directory of ours.
            if [[ $vendor != lxd ]] || ! grep -q '^ID=ubuntu' /etc/os-release; then
                record "integration $vendor" 0 1 0
            fi
        fi
    done
    if [[ ${#vendors[@]} == 0 ]]; then return; fi
    "$python" tests/servers/images.py "$work/images"
    started=yes
    # shellcheck disable=SC2046
    if ! "$python" tests/servers/servers.py start --dir "$work/servers" --https --pool --recorder --twin \
        $(printf -- '--vendor %s ' "${vendors[@]}") >"$work/servers.json"; then
        record "integration servers" 0 1 $((SECONDS - begin))
        return
    fi
    # As process groups, so that an interrupted run can end all they have started.
    set -m
    for vendor in "${vendors[@]}"; do
        (
            trap - EXIT
            integrate "$vendor"
        ) &
        jobs_of[$vendor]=$!
    done
    set +m
    for vendor in "${vendors[@]}"; do
        status=0
        wait "${jobs_of[$vendor]}" || status=$?
        seconds_of[$vendor]=$((SECONDS - begin))
        log=$logs/integration-$vendor.log
        total=$(sed -n 's/^Running \(.*\) integration test .*/\1/p' "$log" | sort -u | wc -l)
        bad=$(sed -n 's/.*The \([0-9]*\) integration test(s) listed below.*/\1/p' "$log" | tail -n 1)
        bad=${bad:-0}
        if [[ $status != 0 && $bad == 0 ]] || [[ $total == 0 ]]; then bad=1; fi
        while read -r line; do
            note "integration $vendor: $line"
            bad=$((bad + 1))
        done < <(grep 'Excluding' "$log" | sort -u)
        if [[ $bad != 0 ]]; then
            echo "-- $vendor, the end of $log:"
            tail -n 150 "$log"
        fi
        record "integration $vendor" $((total > bad ? total - bad : 0)) "$bad" "${seconds_of[$vendor]}"
    done
    python3 tests/servers/servers.py stop --dir "$work/servers"
    started=''
}

step "Packages"
bash tests/servers/packages.sh test
prepare_pythons
prepare_venv
record preparation 0 0 "$SECONDS"
copy_tree "$work/tree"
case $what in
    all)
        run_units
        # Side by side: much of the time of each is waiting for something.
        set -m
        (
            run_sanity
            run_runner
        ) >"$work/built.out" 2>&1 &
        built=$!
        (
            run_properties
            run_concurrency
            run_faults
        ) >"$work/proofs.out" 2>&1 &
        proofs=$!
        set +m
        run_integration
        wait $built || record "sanity, runner" 0 1 0
        cat "$work/built.out"
        wait $proofs || record "random, faults" 0 1 0
        cat "$work/proofs.out"
        ;;
    *) "run_$what" ;;
esac

step "Summary"
printf '%-22s %6s %6s %6s\n' part passed failed time
cat "$work/rows"
if [[ -e $work/notes ]]; then cat "$work/notes"; fi
read -r passed failed < <(awk '{ passed += $(NF - 2); failed += $(NF - 1) } END { print passed, failed }' "$work/rows")
echo "$passed passed, $failed failed"
[[ $failed == 0 && $passed != 0 ]]
