# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes an ordinary user of this machine, who runs modules, and the daemon that lets such users into a project of their own."""

from __future__ import annotations

import contextlib
import grp
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules import PACKAGE, ModuleTraceback, Result
from servers import Process, Server, ServerError, command_line, daemon, make_certificate, wait_until
from stores import ROOT, SCRATCH

LIBRARIES = ("requests", "requests_unixsocket", "urllib3", "idna", "certifi", "charset_normalizer")
"""What modules import besides ansible.module_utils."""
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"])
NETWORKS = {"lxd": "lxdbr0", "incus": "incusbr0"}
"""A network of this name tells the daemon that the server is configured."""
RUN = "import modules, sys; sys.exit(modules.run_module(sys.argv[1], sys.stdin.buffer.read(), {}))"


def package_folder(name: str) -> Path:
    """Returns the folder that a package is imported from here."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(f"no package {name} in this environment")
    return Path(next(iter(spec.submodule_search_locations)))


def copy_package(source: Path, target: Path) -> None:
    """Copies a package without its caches, and so that everybody may read it, whatever the mode of its files is."""
    shutil.copytree(
        source, target, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )


def open_to_all(directory: Path) -> None:
    """Lets everybody read a folder of ours, and all that is below it."""
    for path in [directory, *directory.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


class Account:
    """A unix account for the time of the tests. Its only group is its own one, to which the daemons give their socket."""

    def __init__(self) -> None:
        self.name = f"lxd-test-{secrets.token_hex(4)}"
        # only this folder's name has to be known to reach what is open to all below it
        SCRATCH.chmod(0o711)
        self.folder = SCRATCH / "account"
        self.home, self.libraries = self.folder / "home", self.folder / "lib"
        # a system account gets no range of subordinate ids, which servers that start meanwhile would read
        self._administer("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(self.home))
        try:
            entry = pwd.getpwnam(self.name)
            self.uid, self.gid = entry.pw_uid, entry.pw_gid
            self.home.mkdir(parents=True)
            os.chown(self.home, self.uid, self.gid)
            self._copy_libraries()
            self.python = self._find_python()
        except BaseException:
            self.remove()
            raise

    @property
    def project(self) -> str:
        """Returns the project that the daemons have for this account."""
        return f"user-{self.uid}"

    def _administer(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [shutil.which(program, path=PATH) or program, *arguments, self.name],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ServerError(f"{program} {self.name}: {done.stderr}")

    def remove(self) -> None:
        """Removes the account and its group."""
        self._administer("userdel")
        with contextlib.suppress(KeyError):
            # most systems remove it along with the account
            grp.getgrnam(self.name)
            self._administer("groupdel")

    def _copy_libraries(self) -> None:
        """Copies what modules need: neither this checkout nor its environment has to be readable for the account."""
        ansible = package_folder("ansible")
        copy_package(ansible / "module_utils", self.libraries / "ansible" / "module_utils")
        shutil.copyfile(ansible / "release.py", self.libraries / "ansible" / "release.py")
        # as Ansible itself makes it for a module
        (self.libraries / "ansible" / "__init__.py").write_text("from ansible.release import __author__, __version__\n")
        for name in LIBRARIES:
            copy_package(package_folder(name), self.libraries / name)
        copy_package(ROOT / "plugins", self.libraries / "ansible_collections" / "community" / "lxd" / "plugins")
        shutil.copyfile(ROOT / "tests" / "servers" / "modules.py", self.libraries / "modules.py")
        open_to_all(self.libraries)

    def _find_python(self) -> str:
        """Finds a Python that the account can run, and has it import a module; compiles the rest, as the account can't."""
        refused = []
        for candidate in dict.fromkeys(
            [os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"]
        ):
            code = f"import importlib, modules; importlib.import_module('{PACKAGE}.lxd_image')"
            try:
                tried = self.run([candidate, "-c", code])
            except OSError as problem:
                refused.append(f"{candidate}: {problem}")
                continue
            if tried.returncode == 0:
                subprocess.run([candidate, "-m", "compileall", "-q", "-j", "0", self.libraries], check=False)
                for path in self.libraries.rglob("__pycache__"):
                    open_to_all(path)
                return candidate
            refused.append(f"{candidate}: {tried.stderr}")
        raise ServerError("no Python here that another account can run:\n" + "\n".join(refused))

    def environment(self) -> dict[str, str]:
        """Returns all that is in the environment of the account's processes."""
        return {"HOME": str(self.home), "PATH": PATH, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(self.libraries)}

    def run(
        self, command: list[str], data: str = "", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command as this account."""
        return subprocess.run(
            command,
            input=data,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=self.home,
            env={**self.environment(), **(environment or {})},
            user=self.uid,
            group=self.gid,
            extra_groups=[],
        )

    def run_module(
        self, module: str, options: Mapping[str, Any], check: bool, environment: Mapping[str, str]
    ) -> Result:
        """Runs a module as this account, as Ansible does with ``become_user``."""
        arguments = {
            **options,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            "_ansible_module_name": f"community.lxd.{module}",
            "_ansible_remote_tmp": tempfile.gettempdir(),
        }
        done = self.run([self.python, "-c", RUN, module], json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), environment)
        output = done.stdout + done.stderr
        lines = [line for line in output.splitlines() if line.startswith("{")]
        if not lines or "Traceback" in output:
            raise ModuleTraceback(f"{module} {arguments}\n{output}")
        return Result(json.loads(lines[-1]), output)


class UserDaemon:
    """The daemon of a vendor that gives each ordinary user a project: incus-user or lxd-user.

    What it would make for a new user is there before it starts, but for a network of the user's own: that would take
    dnsmasq, and a free subnet of the machine.
    """

    def __init__(self, server: Server, account: Account) -> None:
        vendor = server.vendor
        beside = Path(daemon(server.kind) or "").with_name(f"{vendor}-user")
        program = str(beside) if beside.exists() else shutil.which(f"{vendor}-user", path=PATH)
        if program is None:
            raise ServerError(f"no {vendor}-user on this machine")
        # nothing is made for a network of this type until an instance uses it
        network = {"name": NETWORKS[vendor], "type": "macvlan", "config": {"parent": "lo"}}
        server.perform("POST", "/1.0/networks", network)
        server.perform("POST", "/1.0/projects", {"name": account.project, "config": {"features.images": "true"}})
        # lxd-user works in its current folder, incus-user in that of the server
        folder = server.state if vendor == "incus" else server.directory / "lxd-user"
        certificate, _key = make_certificate(folder / "users" / str(account.uid), "client")
        (folder / "users").chmod(0o700)
        server.trust(certificate, [account.project])
        self.socket = server.state / "unix.socket.user"
        whole = command_line(program, *(["--group", account.name] if vendor == "incus" else []))
        if vendor == "lxd":
            whole = ["/bin/sh", "-c", 'cd "$1" && exec "$2"', "sh", str(folder), program]
        log = server.directory / "user.log"
        environment = server.environment(program)
        self.process = Process.launch(server.directory / "user.pid", whole, log, environment)
        try:
            listening = self.socket if vendor == "incus" else folder / "unix.socket"
            # incus-user gives its socket to the group a moment after it has made it
            if not wait_until(lambda: listening.exists() and (vendor == "lxd" or is_for(listening, account.gid)), 20):
                raise ServerError(f"{program} did not start:\n{log.read_text(errors='replace')}")
            if vendor == "lxd":
                # its packages have systemd make the socket; clients look for it beside the server's
                os.chown(listening, 0, account.gid)
                listening.chmod(0o660)
                listening.rename(self.socket)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops the daemon."""
        self.process.stop(10)


def is_for(path: Path, gid: int) -> bool:
    """Returns whether a group may use a socket."""
    status = path.stat()
    return status.st_gid == gid and stat.S_IMODE(status.st_mode) == 0o660
