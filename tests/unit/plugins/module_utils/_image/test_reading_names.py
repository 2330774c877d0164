# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read before anything is planned, by the requests that are made for it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.desired import DesiredAlias
from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import ImageReader
from ansible_collections.community.lxd.plugins.module_utils._image.model import Image
from ansible_collections.community.lxd.plugins.module_utils._image.plan.selection import Selector
from ansible_collections.community.lxd.plugins.module_utils._image.reading.names import (
    read_one,
    read_selected,
    read_target,
)
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.alias import run_alias
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, image_data
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import Script, error, sync

SHORT = A[:12]
PROJECT = ("GET /1.0/projects/default", sync({"name": "default", "config": {}}))


def target(name: str, *steps: tuple[str, t.Any]) -> str:
    script = Script(*steps)
    found = read_target(ImageReader(script.client()), name, None)
    assert script.steps == []
    return found


def image(fingerprint: str, asked: str = "") -> tuple[str, t.Any]:
    return f"GET /1.0/images/{asked or fingerprint}", sync(image_data(fingerprint))


def alias(name: str, to: str | None) -> tuple[str, t.Any]:
    return f"GET /1.0/images/aliases/{name}", sync({"name": name, "target": to}) if to else error(404, "no")


def test_a_target() -> None:
    assert target(A, image(A)) == A
    assert target(SHORT, image(A, SHORT), alias(SHORT, None)) == A
    assert target(SHORT, image(A, SHORT), alias(SHORT, A)) == A
    assert target(SHORT, (f"GET /1.0/images/{SHORT}", error(404, "no")), alias(SHORT, B)) == B
    assert target("n", alias("n", B)) == B


@pytest.mark.parametrize(
    "by_name", [lambda api: read_one(api, "n", None), lambda api: read_selected(api, Selector("n"))[0]]
)
def test_the_image_of_an_alias_that_moves_while_it_is_read(by_name: t.Callable[[ImageReader], Image]) -> None:
    gone = (f"GET /1.0/images/{A}", error(404, "gone"))
    script = Script(alias("n", A), gone, alias("n", B), image(B))
    assert by_name(ImageReader(script.client())).fingerprint == B
    assert script.steps == []


def test_a_target_that_means_two_images() -> None:
    with pytest.raises(
        LXDInputError, match=f"'{SHORT}' is ambiguous: .* prefix of the fingerprint {A}, and an alias of the image {B}"
    ):
        target(SHORT, image(A, SHORT), alias(SHORT, B))


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(("extensions", "refused"), [(["instance_publish_split"], True), ([], False)])
def test_an_alias_that_the_server_will_not_take(extensions: list[str], refused: bool, check_mode: bool) -> None:
    server = ("GET /1.0", sync({"auth": "trusted", "api_extensions": extensions}))
    steps = [alias("two%20words", None), PROJECT, image(A), server]
    if not refused and not check_mode:
        steps.append(("POST /1.0/images/aliases", sync({})))
    script = Script(*steps)
    api = ImageReader(script.client())
    desired = DesiredAlias("two words", target=A)
    if refused:
        with pytest.raises(LXDInputError, match="Cannot create the alias 'two words': this server accepts only"):
            run_alias(api, desired, check_mode)
    else:
        assert run_alias(api, desired, check_mode)["changed"]
    assert script.steps == []
