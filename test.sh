#!/usr/bin/env bash
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs the tests of this checkout, on Debian or Ubuntu:
#   test.sh [OPTION…] [PART [ARGUMENT…]]
# Parts:
#   all                            every part; of random tasks, tasks at once and faults a sample (the default)
#   units [ARGUMENT…]              pytest
#   sanity                         ansible-test sanity
#   integration [TARGET [TEST]]    the modules against a real LXD and a real Incus (needs root, as the following do)
#   runner [ARGUMENT…]             the built collection, as a job of ansible-runner
#   properties [ARGUMENT…]         random stores and random tasks
#   concurrency [ARGUMENT…]        many tasks at once
#   fronts [ARGUMENT…]             tasks inside Ansible's own process that are broken off, interrupted, killed
#   clusters [ARGUMENT…]           clusters: any member is asked, one goes down, one is killed at a request
#   clients [ARGUMENT…]            clients that see less than an administrator
#   pages [ARGUMENT…]              the page of the report, in a browser
#   faults [ARGUMENT…]             a fault at every request, a killed module, a killed server
#   registries [ARGUMENT…]         application containers from a registry, on Incus 7
#   incus7 [ARGUMENT…]             of integration and properties a sample, on Incus 7 from Debian 13
# Options:
#   --whole                        no samples: everything, also on Incus 7, which takes some four hours
#   --vendor lxd|incus|incus7      only this one
#   --coverage                     also say which branches of plugins/ were taken, by all that was run together
# The full logs of the last run are in .venv/test/logs.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    sed -n 's/^#   //p; s/^# \([A-Z][a-z]*:\)$/\1/p' "$0" >&2
    exit 2
}

given=("$@")
what=''
whole=''
coverage=''
vendors=()
arguments=()
while [[ $# != 0 ]]; do
    case $1 in
        --whole) whole=yes ;;
        --coverage) coverage=yes ;;
        --vendor)
            [[ ${2:-} == lxd || ${2:-} == incus || ${2:-} == incus7 ]] || usage
            vendors+=("$2")
            shift
            ;;
        *) if [[ -z $what ]]; then what=$1; else arguments+=("$1"); fi ;;
    esac
    shift
done
what=${what:-all}
case $what in
    all) [[ ${#arguments[@]} == 0 ]] || usage ;;
    units | sanity | integration | runner | properties | concurrency | fronts | clusters | clients | pages | faults | registries | incus7) ;;
    *) usage ;;
esac
if [[ $what != units && $what != sanity ]] && [[ $(id -u) != 0 ]]; then
    echo "The servers under test need root: continuing with sudo."
    exec sudo -E bash "$PWD/test.sh" "${given[@]}"
fi
sampled=''
if [[ ${#vendors[@]} == 0 ]]; then
    vendors=(lxd incus)
    if [[ -n $whole ]]; then vendors+=(incus7); else sampled=yes; fi
fi
# Whether some tests are run on one of the servers only.
shared=''
if [[ $what == all ]]; then shared=$sampled; fi
export LXD_TEST_SHARED=$shared

venv=$PWD/.venv/test
# A folder with Incus 7, which stays for the next time.
export LXD_TEST_INCUS7=$venv/incus7
logs=$venv/logs
# ansible-test keeps its environments there between two runs, and nothing in the user's home.
home=$venv/home
# Short, because the path of a unix socket has to be.
work=$(mktemp -d /tmp/lxd-test.XXXXXX)
# The containers of the servers under test have to reach their files.
chmod 711 "$work"
collection=ansible_collections/community/lxd
wanted_python='3.13 3.12 3.11 3.10 3.9'
hook=a0_community_lxd.pth
# Jobs that run side by side print their lines here.
exec 3>&1

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
    stop_servers
    rm -f "$venv"/lib/python*/site-packages/$hook
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

# record PART PASSED FAILED SECONDS: one row of the summary, shown at once; in a file, because parts run side by side.
record() {
    local row
    row=$(printf '%-20s %6d passed %4d failed %5d s' "$@")
    echo "$row" >>"$work/rows"
    echo "$row" >&3
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
    if [[ $what == all || $what == pages ]]; then
        "${pip[@]}" install playwright pillow
        npm install --silent --no-audit --no-fund --no-save --prefix "$venv/npm" axe-core
    fi
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

# Every Python of the environment measures itself, from its start on: the processes of workers, of modules, and those that are
# forked. An environment variable alone would not do, because ansible-test hands on only those that it knows.
prepare_coverage() {
    mkdir "$work/coverage"
    cat >"$work/coverage.ini" <<INI
[run]
branch = true
parallel = true
data_file = $work/coverage/data
include = */ansible_collections/community/lxd/plugins/*
# Empty ones that only the archive of a module has.
omit = */__init__.py
patch = _exit, fork
disable_warnings = no-data-collected, module-not-measured, module-not-imported

[paths]
plugins =
    $PWD/plugins
    */ansible_collections/community/lxd/plugins

[report]
skip_empty = true
exclude_also =
    if t.TYPE_CHECKING:
    raise NotImplementedError
INI
    export COVERAGE_PROCESS_START=$work/coverage.ini
    echo "import os; os.environ.setdefault('COVERAGE_PROCESS_START', '$COVERAGE_PROCESS_START')" |
        tee "$(echo "$venv"/lib/python*/site-packages)/$hook" >/dev/null
}

show_coverage() {
    unset COVERAGE_PROCESS_START
    rm -f "$venv"/lib/python*/site-packages/$hook
    step "Coverage"
    "$venv/bin/python" -m coverage combine --rcfile="$work/coverage.ini" --quiet
    "$venv/bin/python" -m coverage report --rcfile="$work/coverage.ini" --sort=cover --show-missing
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
    local part=$1 file=${1// /-} begin=$SECONDS status=0 good bad
    shift
    (
        cd "$work/tree/$collection"
        PYTHONPATH=$work/tree PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest -q -rsx \
            -p no:cacheprovider --basetemp="$work/pytest-$file" --junitxml="$logs/$file.xml" "$@" "${arguments[@]}"
    ) >"$logs/$file.log" 2>&1 || status=$?
    read -r good bad < <("$python" tests/report.py count "$logs/$file.xml")
    if [[ $status != 0 && $bad == 0 ]]; then bad=1; fi
    if [[ $bad != 0 ]]; then tail -n 150 "$logs/$file.log"; fi
    record "$part" "$good" "$bad" $((SECONDS - begin))
}

run_units() {
    run_pytest units -n 2 tests/unit
}

run_runner() {
    run_pytest runner tests/runner
}

run_properties() {
    run_pytest properties --hypothesis-profile="$(if [[ -n $whole ]]; then echo whole; else echo sample; fi)" tests/properties
}

run_concurrency() {
    run_pytest concurrency --rounds "$(if [[ -n $whole ]]; then echo 10; else echo 1; fi)" tests/concurrency
}

run_fronts() {
    run_pytest fronts tests/fronts
}

# run_clusters [VENDOR]: with the whole profile one job for each vendor, because it lasts so long.
run_clusters() {
    local points=''
    if [[ -n ${1:-} ]]; then
        LXD_TEST_VENDORS=$1 run_pytest "clusters $1" --kills moments tests/clusters
        points="clusters-$1"
    else
        run_pytest clusters tests/clusters
        points=clusters
    fi
    points=$("$python" tests/report.py points "$logs/$points.xml")
    if [[ -n $points ]]; then note "clusters${1:+ $1}: $points"; fi
}

run_registries() {
    provide_incus7 || return 0
    run_pytest registries tests/registries
}

run_clients() {
    run_pytest clients tests/clients
}

run_pages() {
    LXD_TEST_AXE=$venv/npm/node_modules/axe-core/axe.min.js run_pytest pages tests/pages
}

run_faults() {
    local begin=$SECONDS status=0 counts good bad sample=(--sample 50)
    if [[ -n $whole ]]; then sample=(); fi
    (
        cd "$work/tree/$collection"
        # shellcheck disable=SC2046
        PYTHONPATH=$work/tree PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" tests/faults/run.py \
            $(printf -- '--vendor %s ' "${vendors[@]}") "${sample[@]}" "${arguments[@]}"
    ) >"$logs/faults.log" 2>&1 || status=$?
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$logs/faults.log" | tail -n 1)
    read -r good bad <<<"${counts:-0 0}"
    if [[ $status != 0 && $bad == 0 ]]; then bad=1; fi
    if [[ $bad != 0 ]]; then tail -n 150 "$logs/faults.log"; fi
    record faults "$good" "$bad" $((SECONDS - begin))
}

run_sanity() {
    local begin=$SECONDS status=0 log=$logs/sanity.log total bad absent line
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

# provide_incus7: the folder with Incus 7. Where there is none it is told, and has failed, but on what isn't Debian.
provide_incus7() {
    local log=$logs/incus7-folder.log status=0
    # Two parts that run side by side may need it.
    flock "$venv" bash tests/servers/incus7.sh "$LXD_TEST_INCUS7" >"$log" 2>&1 || status=$?
    if [[ $status == 0 ]]; then return; fi
    note "incus7 is not on this machine and was not tested: $(tail -n 1 "$log")"
    record incus7 0 "$((status != 3))" "$SECONDS"
    return 1
}

# provide_vendors: leaves out what this machine can't have.
provide_vendors() {
    local vendor here=()
    for vendor in "${vendors[@]}"; do
        if [[ $vendor != incus7 ]] || provide_incus7; then here+=("$vendor"); fi
    done
    vendors=("${here[@]}")
    if [[ ${#vendors[@]} == 0 ]]; then
        cat "$work/notes"
        exit 1
    fi
    # What pytest runs against servers takes them from here.
    export LXD_TEST_VENDORS="${vendors[*]}"
}

# Values that the targets find in integration_config.yml (JSON is YAML).
write_config() {
    "$python" - "$servers/servers.json" "$1" "$work" "$only" <<'PYTHON'
import json
import os
import sys

described, name, work, only = json.load(open(sys.argv[1])), *sys.argv[2:]
server = described["servers"][name]
# Servers to copy from, used by the tests of both vendors at once.
twins = described["twins"]
config = {
    "vendor": server["vendor"],
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
    "scratch_dir": f"{work}/scratch-{name}",
    "servers_dir": f"{work}/tree/ansible_collections/community/lxd/tests/servers",
    "twin_server": twins[name],
    # LXD is the other one for both kinds of Incus, but only for one of them at a time.
    "other_server": next((twin for twin in twins.values() if twin["vendor"] != server["vendor"]), None)
    if name != "incus7" or "incus" not in twins
    else None,
}
if only:
    config["only"] = only
if os.environ["LXD_TEST_SHARED"]:
    config["share"] = [list(twins).index(name), len(twins)]
print(json.dumps(config, indent=2))
PYTHON
}

# What is asked for of the integration tests: targets, and perhaps one test of theirs.
choose_targets() {
    local word
    for word in "${arguments[@]}"; do
        if [[ -d tests/integration/targets/$word ]]; then
            targets+=("$word")
        elif compgen -G "tests/integration/targets/*/tasks/tests/$word.yml" >/dev/null && [[ -z $only ]]; then
            only=$word
        else
            echo "test.sh: no target and no test of one is named $word" >&2
            exit 2
        fi
    done
    if [[ -n $only && ${#targets[@]} == 0 ]]; then
        echo "test.sh: of which target is $only?" >&2
        exit 2
    fi
}

servers=$work/servers

# The servers of the integration tests, each with a second one to copy from.
start_servers() {
    local vendor here=()
    for vendor in "${vendors[@]}"; do
        if python3 tests/servers/servers.py daemon "$vendor" >/dev/null; then
            here+=("$vendor")
        else
            note "integration: $vendor is not on this machine and was not tested"
            # Ubuntu has LXD as a snap only, which can't serve from a directory of ours.
            if [[ $vendor != lxd ]] || ! grep -q '^ID=ubuntu' /etc/os-release; then
                record "integration $vendor" 0 1 0
            fi
        fi
    done
    if [[ ${#here[@]} == 0 ]]; then return; fi
    if [[ ! -d $work/images ]]; then "$python" tests/servers/images.py "$work/images"; fi
    # shellcheck disable=SC2046
    if "$python" tests/servers/servers.py start --dir "$servers" --https --pool --recorder --twin \
        $(printf -- '--vendor %s ' "${here[@]}") >/dev/null; then
        tested=("${here[@]}")
    else
        record "integration servers" 0 1 "$SECONDS"
    fi
}

stop_servers() {
    local directory
    for directory in "$work"/servers*/; do
        if [[ -d $directory ]]; then python3 tests/servers/servers.py stop --dir "$directory"; fi
    done
}

# run_incus7: a sample, on servers of its own: the folder is unpacked while other parts run.
run_incus7() {
    provide_incus7 || return 0
    servers=$work/servers-incus7 vendors=(incus7)
    export LXD_TEST_VENDORS=incus7
    if [[ ${#arguments[@]} == 0 ]]; then
        targets=(lxd_image_alias)
        start_servers
        if [[ ${#tested[@]} != 0 ]]; then run_integration incus7; fi
    fi
    run_pytest incus7 --hypothesis-profile=few tests/properties/test_tasks.py
}

# run_integration VENDOR: runs the targets against one server, in a tree of its own.
run_integration() {
    # Homes of their own, because ansible-test makes an SSH key there when it starts.
    local vendor=$1 begin=$SECONDS tree=$work/$1 home=$work/home-$1 log=$logs/integration-$1.log total bad line status=0
    mkdir "$work/scratch-$vendor" "$home"
    copy_tree "$tree"
    write_config "$vendor" >"$tree/$collection/tests/integration/integration_config.yml"
    (
        cd "$tree/$collection"
        ansible_test integration --local -v --color no --allow-destructive --allow-root --allow-unsupported --continue-on-error \
            "${targets[@]}"
    ) >"$log" 2>&1 || status=$?
    mkdir -p "$logs/$vendor"
    cp "$tree/$collection"/tests/output/junit/*.xml "$logs/$vendor" || true
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
    record "integration $vendor" $((total > bad ? total - bad : 0)) "$bad" $((SECONDS - begin))
}

# job PART [ARGUMENT]: a part in the background, as a process group, so that an interrupted run can end all it has started.
job() {
    local name="$*"
    set -m
    (
        trap - EXIT
        status=0
        "run_$1" "${@:2}" >"$work/$name.out" 2>&1 || status=$?
        # What has not even come to count its tests has failed.
        if ! grep -q "^$name " "$work/rows"; then record "$name" 0 1 "$SECONDS"; fi
        if [[ -s $work/$name.out ]]; then printf -- '-- %s:\n%s\n' "$name" "$(<"$work/$name.out")" >&3; fi
    ) &
    set +m
}

# side_by_side: the jobs of the queue, in its order, so many at once that each has a processor while it needs one.
side_by_side() {
    local slots=$(($(nproc) + 1)) entry
    for entry in "${queue[@]}"; do
        while (($(jobs -pr | wc -l) >= slots)); do wait -n || true; done
        # shellcheck disable=SC2086
        job $entry
    done
    wait
}

step "Packages"
case $what in
    units | sanity) bash tests/servers/packages.sh code ;;
    *) bash tests/servers/packages.sh test ;;
esac
targets=()
only=''
tested=()
if [[ $what == integration ]]; then choose_targets; fi
prepare_pythons
prepare_venv
touch "$work/rows"
copy_tree "$work/tree"
rm -rf "${logs:?}"/*
if [[ -n $whole ]]; then echo whole; else echo sample; fi >"$logs/profile"
case $what in
    units | sanity | registries | incus7) ;;
    *) provide_vendors ;;
esac
if [[ -n $coverage ]]; then prepare_coverage; fi
echo "ready after $SECONDS s"

step "Tests"
queue=()
case $what in
    all | integration)
        start_servers
        for vendor in "${tested[@]}"; do queue+=("integration $vendor"); done
        ;;
esac
clusters=(clusters)
if [[ -n $whole ]]; then mapfile -t clusters < <(printf 'clusters %s\n' "${vendors[@]}"); fi
case $what in
    # The long ones first.
    all)
        queue+=(sanity properties concurrency runner faults "${clusters[@]}" clients fronts pages)
        if [[ -n $sampled ]]; then queue+=(incus7); fi
        if [[ -n $sampled || " ${vendors[*]} " == *" incus7 "* ]]; then queue+=(registries); fi
        queue+=(units)
        ;;
    integration) ;;
    clusters) queue+=("${clusters[@]}") ;;
    *) queue+=("$what") ;;
esac
side_by_side

if [[ -n $coverage ]]; then show_coverage || record coverage 0 1 0; fi

step "Slowest"
"$python" tests/report.py slowest "$logs"

step "Summary"
cat "$work/rows"
if [[ -e $work/notes ]]; then cat "$work/notes"; fi
read -r passed failed < <(awk '{ passed += $(NF - 5); failed += $(NF - 3) } END { print passed + 0, failed + 0 }' "$work/rows")
echo "$passed passed, $failed failed, $SECONDS s"
[[ $failed == 0 && $passed != 0 ]]
