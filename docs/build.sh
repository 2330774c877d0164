#!/usr/bin/env bash
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Builds the documentation of this checkout as a site, from the modules' documentation and the guides:
#   docs/build.sh
# It ends with the path of the first page. Needs Python 3.12 or later with venv, and PyPI for the first time.
# A reference that leads nowhere is an error, but for those to pages of ansible-core, which are not part of the site.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$PWD/.venv/docs
site=$PWD/docsite
collection=ansible_collections/community/lxd
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for python in python3 python3.14 python3.13 python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python; do
    "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && break
done
if ! "$venv/bin/python" --version >/dev/null 2>&1; then
    "$python" -m venv "$venv"
fi
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --requirement docs/requirements.txt

# The tools look for a collection at its place in a tree of collections.
mkdir -p "$work/$collection"
git ls-files -z -co --exclude-standard | while IFS= read -r -d '' file; do
    # A file that was removed is listed until that is committed.
    if [[ -e $file ]]; then printf '%s\0' "$file"; fi
done | tar --create --null --files-from=- | tar --extract --directory "$work/$collection"

rm -rf "$site"
mkdir "$site"
chmod 755 "$site"
export PATH=$venv/bin:$PATH ANSIBLE_COLLECTIONS_PATH=$work
antsibull-docs sphinx-init --use-current --squash-hierarchy --fail-on-error --dest-dir "$site" \
    --project community.lxd --copyright 'community.lxd contributors' --title 'community.lxd' \
    --html-short-title 'community.lxd' --extra-html-theme-options topbar_links= community.lxd >"$work/log"
cat >>"$site/conf.py" <<'PYTHON'

# Nothing is fetched: the few pages of ansible-core that are referred to are not linked.
intersphinx_mapping = {}
suppress_warnings = ["ref.ref"]
PYTHON
# Of the folder of the guides the tools only take what is text.
sed -i "/^sphinx-build/i cp -R '$PWD/docs/docsite/images' rst/" "$site/build.sh"
"$site/build.sh"
echo "$site/build/html/index.html"
