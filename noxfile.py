# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# /// script
# dependencies = ["nox>=2025.02.09", "antsibull-nox>=1.10.0", "ansible-core"]
# ///
"""Checks of the collection: "nox" runs those that need no server, "nox --list" shows all."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

try:
    import antsibull_nox
except ImportError:
    print("You need to install antsibull-nox in the same Python environment as nox.")
    sys.exit(1)

ROOT = Path(__file__).resolve().parent
# ansible-core and a Python that it runs on
SUPPORTED = {"2.17": "3.10", "2.18": "3.11", "2.19": "3.11", "2.20": "3.12", "2.21": "3.13"}

antsibull_nox.load_antsibull_nox_toml()


def drop_temporary() -> None:
    """Remove what ansible-test leaves behind and the copy of its results stumbles over."""
    shutil.rmtree(Path("tests", "output", ".tmp"), ignore_errors=True)


for version, python in SUPPORTED.items():
    for kind, words in (("sanity", ["sanity", "--local"]), ("units", ["units", "--venv", "--python", python])):
        antsibull_nox.add_ansible_test_session(
            name=f"ansible-test-{kind}-{version}",
            description=f"Run {kind} tests with ansible-core {version}",
            ansible_test_params=words,
            default=False,
            ansible_core_version=version,
            ansible_core_source="pypi",
            callback_after=drop_temporary,
        )


def collections_path(session: nox.Session) -> str:
    """A tree of collections in which this checkout is the collection."""
    place = Path(session.create_tmp()).resolve() / "ansible_collections" / "community"
    place.mkdir(parents=True, exist_ok=True)
    link = place / "lxd"
    if not link.is_symlink():
        link.symlink_to(ROOT)
    return str(place.parent.parent)


@nox.session(name="molecule", default=False)
def molecule(session: nox.Session) -> None:
    """Run the molecule scenario against a server of its own (needs root); LXD_TEST_VENDOR=incus for the other one."""
    session.install("ansible-core", "molecule", "-r", "requirements.txt")
    session.run("molecule", "test", *session.posargs, env={"ANSIBLE_COLLECTIONS_PATH": collections_path(session), "ANSIBLE_HOME": session.create_tmp()})


@nox.session(name="product", default=False)
def product(session: nox.Session) -> None:
    """Build the collection, install it, and run it as AWX does (needs root)."""
    session.install("-r", "tests/runner/requirements.txt")
    session.run("python", "-m", "pytest", "-p", "no:cacheprovider", "tests/runner", *session.posargs)


@nox.session(name="supported", default=False)
def supported(session: nox.Session) -> None:
    """Run sanity, unit and in-process tests with each supported ansible-core, as root, and write the table in README.md."""
    session.run(sys.executable, "tests/supported.py", *session.posargs, external=True)


# "python noxfile.py" works too.
if __name__ == "__main__":
    os.chdir(ROOT)
    nox.main()
