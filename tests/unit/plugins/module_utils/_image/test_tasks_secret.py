# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.desired import DesiredSecret
from ansible_collections.community.lxd.plugins.module_utils._image.image_writer import ImageSecret
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.secret import run_secret
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, FakeStore, image_data


class Store(FakeStore):
    """With secrets: operation -> fingerprint."""

    def __init__(self, *images: dict[str, t.Any], **options: t.Any) -> None:
        super().__init__(*images, **options)
        self.secrets: dict[str, str] = {}

    def create_secret(self, fingerprint: str) -> ImageSecret:
        operation = f"op{len(self.secrets)}"
        self.secrets[operation] = fingerprint
        return ImageSecret(f"secret of {operation}", operation)

    def has_secret(self, operation: str) -> bool:
        return operation in self.secrets

    def delete_secret(self, operation: str) -> bool:
        return self.secrets.pop(operation, None) is not None


def store(**options: t.Any) -> Store:
    return Store(image_data(A, ["n"]), image_data(B), **options)


def run(fake: Store, check_mode: bool = False, state: str = "present", **desired: t.Any) -> dict[str, t.Any]:
    return run_secret(t.cast(t.Any, fake), DesiredSecret(state, **desired), check_mode)


@pytest.mark.parametrize("identity", [{"name": "n"}, {"fingerprint": A}, {"fingerprint": A[:12]}], ids=str)
def test_each_run_makes_another_one(identity: dict[str, str]) -> None:
    fake = store()
    said = run(fake, check_mode=True, **identity)
    assert said == {"changed": True, "fingerprint": A, "secret": None, "operation": None}
    assert fake.secrets == {}
    assert run(fake, **identity) == {"changed": True, "fingerprint": A, "secret": "secret of op0", "operation": "op0"}
    assert run(fake, **identity)["operation"] == "op1"
    assert fake.secrets == {"op0": A, "op1": A}


def test_revoke() -> None:
    fake = store()
    operation = run(fake, name="n")["operation"]
    expected = {"fingerprint": None, "secret": None, "operation": operation}
    assert run(fake, check_mode=True, state="absent", operation=operation) == {"changed": True, **expected}
    assert fake.secrets == {"op0": A}
    assert run(fake, state="absent", operation=operation) == {"changed": True, **expected}
    assert fake.secrets == {}
    for check_mode in (True, False):
        assert run(fake, check_mode=check_mode, state="absent", operation=operation) == {"changed": False, **expected}


@pytest.mark.parametrize(
    "identity", [{"name": "missing"}, {"fingerprint": "0" * 64}, {"fingerprint": "0" * 12}], ids=str
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_no_such_image(identity: dict[str, str], check_mode: bool) -> None:
    with pytest.raises(LXDInputError, match="The image with the .* is not found"):
        run(store(), check_mode, **identity)
    with pytest.raises(PermissionError, match="untrusted"):
        run(store(trusted=False), check_mode, **identity)


def test_an_untrusted_client_that_sees_a_public_image() -> None:
    fake = store(trusted=False)
    with pytest.raises(PermissionError, match="untrusted"):
        run(fake, name="n")
    assert fake.secrets == {}


def test_no_such_project() -> None:
    with pytest.raises(LXDInputError, match="project 'p' is not found"):
        run(Store(project="p"), name="n")
