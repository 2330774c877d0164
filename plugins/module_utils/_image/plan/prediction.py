# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Predicts the images on the server after a plan is done, for check mode. Pure."""

from __future__ import annotations

import typing as t

from ..._lxd.record import replace
from ..actions import CreateAlias, CreateImage, DeleteAlias, DeleteImage, MoveAlias, UpdateAlias, UpdateImage

if t.TYPE_CHECKING:
    from ..actions import Action
    from ..model import Image, ImageSettings


def predict_images(images: t.Mapping[str, Image], actions: t.Iterable[Action]) -> dict[str, Image]:
    """Return the images as they are after the actions are done. ``images`` and the result: by fingerprint.

    Images that are created are left out, because only the server knows what they will have; except one that exists
    already and is made anew.
    """
    predicted = dict(images)
    for action in actions:
        if isinstance(action, CreateImage):
            if action.fingerprint in images:
                predicted[action.fingerprint] = _renewed(images[action.fingerprint], action)
        elif isinstance(action, UpdateImage):
            if action.fingerprint in predicted:
                image = predicted[action.fingerprint]
                predicted[action.fingerprint] = _with_settings(image, action.settings.overlay(image.settings))
        elif isinstance(action, DeleteImage):
            predicted.pop(action.fingerprint, None)
        elif isinstance(action, (CreateAlias, DeleteAlias, MoveAlias, UpdateAlias)):
            _change_alias(predicted, action)
    return predicted


def predict_new_aliases(actions: t.Iterable[Action]) -> dict[str, str]:
    """Return the aliases of an image that is created: name -> description."""
    aliases: dict[str, str] = {}
    for action in actions:
        if isinstance(action, CreateAlias):
            aliases[action.name] = action.description
        elif isinstance(action, MoveAlias):
            aliases[action.alias.name] = action.description
    return aliases


def _with_settings(image: Image, settings: ImageSettings) -> Image:
    return replace(image, settings=settings, data={**image.data, "properties": settings.properties})


def _renewed(image: Image, action: CreateImage) -> Image:
    """Return a cached image that is made anew: it has no alias, and auto_update only if the action sets it again."""
    settings = action.settings.overlay(replace(image.settings, auto_update=False))
    image = _with_settings(image, settings)
    return replace(image, aliases={}, data={**image.data, "cached": False})


def _change_alias(images: dict[str, Image], action: CreateAlias | DeleteAlias | MoveAlias | UpdateAlias) -> None:
    if isinstance(action, (CreateAlias, DeleteAlias)):
        name = action.name
    else:
        name = action.alias.name
    for image in list(images.values()):
        if name in image.aliases:
            others = {other: text for other, text in image.aliases.items() if other != name}
            images[image.fingerprint] = replace(image, aliases=others)
    if isinstance(action, DeleteAlias):
        return
    target = action.alias.target if isinstance(action, UpdateAlias) else action.target
    if target in images:
        image = images[target]
        images[target] = replace(image, aliases={**image.aliases, name: action.description})
