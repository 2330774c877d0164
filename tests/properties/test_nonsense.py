# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the options are: the module answers, a failure says what is wrong and no secret, and the server lives."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Mapping
from typing import Any

import pytest
import tasks
from hypothesis import given, note, settings
from hypothesis import strategies as st
from stores import IMAGES, MEMORY, NAMES, SCRATCH, Settings, Store, World, modules

# Long enough not to be in an answer by chance.
SECRETS = tuple(f"hidden{number}Pa55word" for number in range(9))
SECRET_OPTIONS = ("trust_token", "trust_password", "bearer_token", "secret", "client_key")

PUBLIC_REMOTES = ("images", "ubuntu", "ubuntu-daily", "ubuntu-minimal", "ubuntu-minimal-daily")
"""They are known without a configuration: nothing here asks the servers of others."""

FOLDER = SCRATCH / "nonsense"
"""Where random paths point into: nothing of the machine is read or written."""

ODD_TEXTS = (
    "",
    " ",
    ".",
    "..",
    "/",
    "a/..",
    "%",
    "%2F",
    "\0",
    "\n",
    "a\r\nb: c",
    "ünï",
    "\U0001f600",
    "x" * 300,
    "9" * 4000,  # of more than 4,300 digits, ansible-core itself fails when it logs the options
    "~" + "(" * 3000,
    "~(",
    "~a{99999999999}",
    "properties.os eq 'a{99999999999}'",
    "properties. eq x",
    "not not",
    "~[[:x:]]",
    "{{ x }}",
    "null",
    "0",
    "-1",
    "1e400",
    "nan",
    "{",
    "a=b,c=d",
    "2030-13-45",
    "0001-01-01",
    "9999-12-31T23:59:59-23:59",
    "2030-01-01T00:00:00+99:99",
    "99999999999999w",
    "9" * 5000 + "d",
    "0123456789AB",
    "0123456789ab",
    "sha256:",
    "md5:0",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    *NAMES,
)
URLS = (
    "https://127.0.0.1:1",
    "http://127.0.0.1:1/x",
    "https://",
    "https://[",
    "https://127.0.0.1:99999",
    "https://127.0.0.1:x",
    "https://ü\0",
    "unix:",
    "unix:/nowhere",
)
ODD_NUMBERS = (0, -1, 1, 3, 2**31, 2**63, 10**30, 0.5, -0.0, 1e-9, 1e300, float("inf"), float("nan"))

# Of properties, and of the metadata of an image.
DICT_KEYS = ("os", "release", "architecture", "creation_date", "expiry_date", "properties", "templates")

texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=12))
plain = st.one_of(texts, st.none(), st.booleans(), st.sampled_from(ODD_NUMBERS))
anything = st.recursive(
    plain, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)), max_leaves=6
)
# Below the folder, however it is read: nothing climbs out of it.
paths = st.one_of(
    st.sampled_from(
        ("", "nothing", "folder", "empty", "junk", "image", "nothing/nothing", "junk/x", "folder/metadata.yaml")
    ),
    texts.filter(lambda text: ".." not in text),
).map(lambda name: f"{FOLDER}/{name}")


def sensible(name: str, spec: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values of the right type, often ones that mean something."""
    kind = spec.get("type", "str")
    if "choices" in spec:
        return st.sampled_from(spec["choices"])
    if name in SECRET_OPTIONS:
        return st.sampled_from(SECRETS)
    if kind == "path" or name in ("certificate", "client_cert", "server_cert"):
        return paths
    if kind == "dict" and "options" in spec:
        return options_of(spec["options"])
    if kind == "list":
        return st.lists(options_of(spec["options"]) if "options" in spec else texts, max_size=3)
    if kind == "bool":
        return st.booleans()
    if kind == "int":
        return st.sampled_from([number for number in ODD_NUMBERS if isinstance(number, int)])
    if kind == "float":
        return st.sampled_from(ODD_NUMBERS)
    if kind == "dict":
        return st.dictionaries(st.one_of(texts, st.sampled_from(DICT_KEYS)), st.one_of(texts, anything), max_size=4)
    if name == "remote":
        return texts.filter(lambda text: text not in PUBLIC_REMOTES)
    if name in ("server", "url"):
        return st.one_of(st.sampled_from(URLS), texts)
    if "fingerprint" in name or name == "target":
        return st.one_of(tasks.fingerprints, texts)
    if name == "expires_at":
        return st.one_of(st.sampled_from(sorted(tasks.TIMES)), texts)
    return texts


def value_of(name: str, spec: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Mostly of the right type. A path, a secret and a remote always are what they should be: none is to be looked for elsewhere."""
    right = sensible(name, spec)
    if spec.get("type") == "path" or name in (*SECRET_OPTIONS, "remote"):
        return right
    # Ansible itself ends with a traceback for suboptions that are no dictionary, and for an integer that is infinite.
    wrong = texts if "options" in spec or spec.get("type") == "int" else anything
    return st.one_of(right, right, right, wrong)


@st.composite
def options_of(draw: st.DrawFn, specs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A few options of a module, and what it can't do without."""
    needed = [name for name, spec in specs.items() if spec.get("required")]
    chosen = draw(st.lists(st.sampled_from(sorted(specs)), max_size=5, unique=True))
    return {name: draw(value_of(name, specs[name])) for name in dict.fromkeys([*needed, *chosen])}


def connection() -> st.SearchStrategy[dict[str, Any]]:
    """Mostly the server; options of the connection are given seldom, as most others matter only with one."""
    specs = importlib.import_module("ansible_collections.community.lxd.plugins.module_utils._run").CONNECTION_SPEC
    wrong = options_of({name: spec for name, spec in specs.items() if name != "remote"})
    return st.one_of(
        st.just({}), st.just({}), wrong, st.fixed_dictionaries({"url": st.none(), "remote": sensible("remote", {})})
    )


def prepare_folder() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "folder" / "rootfs").mkdir(parents=True)
    (FOLDER / "folder" / "metadata.yaml").write_text("architecture: x86_64\ncreation_date: 1\n")
    (FOLDER / "empty").touch()
    (FOLDER / "junk").write_bytes(bytes(range(256)) * 4)
    shutil.copy(IMAGES[0].path, FOLDER / "image")


WORLD = World(
    {
        IMAGES[0].fingerprint: Settings(properties={"os": "debian"}),
        IMAGES[1].fingerprint: Settings(public=True),
        IMAGES[2].fingerprint: Settings(properties={MEMORY + "withdrawn": "{"}),
        IMAGES[4].fingerprint: Settings(
            properties={MEMORY + "replaces": "x", MEMORY + "source": "[", MEMORY + "withdrawn": '{"aliases": 3}'}
        ),
    },
    {"plain": (IMAGES[0].fingerprint, "text"), "debian/12": (IMAGES[1].fingerprint, "")},
)


@pytest.mark.parametrize("module", modules.MODULES)
@given(st.data())
@settings(max_examples=2 * settings().max_examples)
def test_nonsense(store: Store, module: str, data: st.DataObject) -> None:
    specs = importlib.import_module(f"{modules.PACKAGE}.{module}").MODULE.spec
    options = {**data.draw(connection(), "connection"), **data.draw(options_of(specs), "options")}
    check = data.draw(st.booleans(), "check mode")
    store.fill(WORLD)
    prepare_folder()
    result = store.run(module, options, check)
    note(result.output)
    answer = result.answer or {}
    assert not any(secret in result.output for secret in SECRETS), "a secret is shown"
    if result.failed:
        assert isinstance(answer["msg"], str) and answer["msg"].strip(), "a failure says nothing"
    store.assert_alive()
    if check:
        assert store.read().world == WORLD
