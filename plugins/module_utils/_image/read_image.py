# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads what a task for one image touches, and no more: the input of its plan. Raises LXDInputError where something that it names isn't there."""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    MADE_FROM,
    REPLACES,
    UNKNOWN,
    Alias,
    CurrentImage,
    DesiredImage,
    Image,
    ImageSource,
    InstanceSource,
    UpstreamImage,
    UrlSource,
    is_complete,
    is_fingerprint,
)
from ansible_collections.community.lxd.plugins.module_utils._image.plan import is_unfinished_copy
from ansible_collections.community.lxd.plugins.module_utils._image.read import require_project
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import replace

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI
    from ansible_collections.community.lxd.plugins.module_utils._image.inputs import Inputs, SourceServer

DEFER_SIZE = 64 * 1024 * 1024
"""Bytes from which on it saves more to hash a file while it is sent than it costs to ask the store for images of that size."""

ALIAS_ATTEMPTS = 5


class _Reader:
    """One reading: what was read once is not read again."""

    def __init__(self, api: ImageAPI) -> None:
        self.api = api
        self.aliases: dict[str, Alias] = {}
        self.images: dict[str, Image] = {}
        self._listed: list[Image] | None = None

    def list_images(self, anew: bool = False) -> list[Image]:
        if self._listed is None or anew:
            self._listed = self.api.list_images()
        return self._listed

    def alias(self, name: str) -> Alias | None:
        if name not in self.aliases and (alias := self.api.get_alias(name)):
            self.aliases[name] = alias
        return self.aliases.get(name)

    def named_alias(self, name: str) -> Alias | None:
        """An alias together with its image. Where that is gone, the alias has moved since it was read: it is what the plan is about, so read it again."""
        for _attempt in range(ALIAS_ATTEMPTS):
            alias = self.alias(name)
            if alias is None or self.image(alias.target):
                return alias
            del self.aliases[name]
        return self.alias(name)

    def image(self, fingerprint: str) -> Image | None:
        if fingerprint not in self.images and is_fingerprint(fingerprint) and (image := self.api.get_image(fingerprint)):
            self.images[image.fingerprint] = image
            return image
        return self.images.get(fingerprint)


def read_image(api: ImageAPI, desired: DesiredImage, inputs: Inputs, may_defer: bool = False) -> tuple[DesiredImage, CurrentImage]:
    """The current state, and ``desired`` with its fingerprint in full.

    With ``may_defer``, the fingerprint of large files that the store can't have may still be UNKNOWN: it is computed while they are sent.
    """
    reader = _Reader(api)
    named_alias = reader.named_alias(desired.name) if desired.name else None
    if named_alias is None:
        require_project(api)
    desired = _resolve_fingerprint(reader, desired, inputs, may_defer)
    named = reader.image(named_alias.target) if named_alias else None
    image = reader.image(desired.fingerprint) if desired.fingerprint else named
    current = CurrentImage(aliases=reader.aliases, images=reader.images)
    if image is None and desired.name and named_alias is None and not desired.fingerprint:
        image = _find_withdrawn(reader, desired.name)
        current = replace(current, adopted=image.fingerprint if image else None)
    if desired.state == "absent":
        _refuse_ambiguity(reader, desired, named)
        return desired, current
    if desired.state == "inactive":
        _refuse_ambiguity(reader, desired, named)
        _check_profiles(api, desired, image)
        return desired, current

    if isinstance(desired.source, (ImageSource, UrlSource)) and _must_ask_source(desired, image):
        upstream = _ask_source(desired, inputs, image)
        desired = replace(desired, fingerprint=upstream.fingerprint)
        image = reader.image(upstream.fingerprint)
        current = replace(current, upstream=upstream)
    elif isinstance(desired.source, InstanceSource) and (image is None or desired.state == "latest"):
        desired, current = _read_instance(reader, desired, desired.source, current, image)
        image = reader.image(desired.fingerprint) if desired.fingerprint else image
    if image is not None and desired.previous == "delete" and (replaced := image.settings.memory.get(REPLACES)):
        reader.image(replaced)
    _read_aliases(reader, desired, image, named, current.upstream)
    _check_profiles(api, desired, image)
    return desired, current


def _resolve_fingerprint(reader: _Reader, desired: DesiredImage, inputs: Inputs, may_defer: bool) -> DesiredImage:
    """The full fingerprint that the task means: of the files' content, or of the one image that a prefix stands for."""
    given, files = desired.fingerprint, inputs.files
    if desired.name is None and given is None and inputs.server is not None:
        return replace(desired, fingerprint=inputs.server.find().fingerprint)
    if files is not None:
        if given and not files.fingerprint.startswith(given):
            raise LXDInputError(f"The content of {files} has the fingerprint {files.fingerprint}, but 'fingerprint' says {given}.")
        if may_defer and not given and files.size >= DEFER_SIZE and not files.fingerprint_is_known and not reader.api.may_have_size(files.size):
            return replace(desired, fingerprint=UNKNOWN)
        return replace(desired, fingerprint=files.fingerprint)
    if given is None or is_complete(given):
        return desired
    image = reader.image(given)
    return replace(desired, fingerprint=image.fingerprint) if image else desired


def _must_ask_source(desired: DesiredImage, image: Image | None) -> bool:
    """Not where the image is there, unless it has to be the newest; a cached one can be renewed only from its source."""
    return image is None or desired.state == "latest" or bool(image.data.get("cached")) or is_unfinished_copy(desired, image)


def _ask_source(desired: DesiredImage, inputs: Inputs, known: Image | None) -> UpstreamImage:
    upstream = t.cast("SourceServer", inputs.server).find(known)
    if desired.fingerprint and not upstream.fingerprint.startswith(desired.fingerprint):
        raise LXDInputError(f"The source offers the image {upstream.fingerprint}, but 'fingerprint' says {desired.fingerprint}.")
    return upstream


def _read_aliases(reader: _Reader, desired: DesiredImage, image: Image | None, named: Image | None, upstream: UpstreamImage | None) -> None:
    """Where the further aliases point. Those of the image itself are known from it."""
    names = list(desired.aliases)
    if desired.state == "latest" and named is not None and (image is None or image.fingerprint != named.fingerprint):
        names += named.aliases  # an update takes them along
    if upstream is not None and isinstance(desired.source, ImageSource) and desired.source.copy_aliases:
        names += upstream.aliases
    if image is not None and image.withdrawn is not None:
        names += image.withdrawn.aliases
    own = {alias.name: alias for alias in image.list_aliases()} if image else {}
    for name in names:
        if name in own:
            reader.aliases.setdefault(name, own[name])
        else:
            reader.alias(name)


def _withdrawn_from(reader: _Reader, name: str) -> list[Image]:
    return [image for image in reader.list_images() if image.withdrawn is not None and name in image.withdrawn.aliases]


def _find_withdrawn(reader: _Reader, name: str) -> Image | None:
    """The inactive image that remembers the alias. Raises LXDInputError where several do."""
    found = [image.fingerprint for image in _withdrawn_from(reader, name)]
    if len(found) > 1:
        raise LXDInputError(f"Several images were withdrawn from the alias {name!r}: {', '.join(found)}. Say with 'fingerprint' which one is meant.")
    return reader.image(found[0]) if found else None


def _refuse_ambiguity(reader: _Reader, desired: DesiredImage, named: Image | None) -> None:
    """Once the alias is gone, the next run would take another image that was withdrawn from it for the one that is meant."""
    if named is None or not desired.name or desired.fingerprint:
        return
    others = [image.fingerprint for image in _withdrawn_from(reader, desired.name) if image.fingerprint != named.fingerprint]
    if others:
        what = "delete" if desired.state == "absent" else "withdraw"
        raise LXDInputError(
            f"Cannot {what} an image by the alias {desired.name!r}: it points at {named.fingerprint}, and {', '.join(others)} was withdrawn from it. "
            "Say with 'fingerprint' which one is meant."
        )


def _read_instance(
    reader: _Reader, desired: DesiredImage, source: InstanceSource, current: CurrentImage, image: Image | None
) -> tuple[DesiredImage, CurrentImage]:
    """What would be published; and the image that was made from the very same state of it already, if there is one."""
    api = reader.api
    instance = api.get_snapshot(source.name) if source.kind == "snapshot" else api.get_instance(source.name)
    if instance is None:
        raise LXDInputError(f"Cannot publish the {source.kind} {source.name!r}: it does not exist in the project {api.client.project!r}.")
    if image is not None and image.settings.memory.get(MADE_FROM) == instance.made_from:
        return desired, current
    # a run that was killed may have left the server publishing it
    api.client.settle(only_new_images=True)
    for other in reader.list_images(anew=True):
        if other.settings.memory.get(MADE_FROM) == instance.made_from and all(name in desired.alias_names for name in other.aliases):
            # of a run that was killed before it could give the image its name
            reader.images[other.fingerprint] = other
            return replace(desired, fingerprint=other.fingerprint), current
    return replace(desired, fingerprint=UNKNOWN), replace(current, instance=instance)


def _check_profiles(api: ImageAPI, desired: DesiredImage, image: Image | None) -> None:
    """An unknown profile would be refused only after the image was made."""
    known = image.settings.profiles if image else ()
    for profile in desired.settings.profiles or ():
        if profile not in known and not api.has_profile(profile):
            raise LXDInputError(f"The profile {profile!r} of 'profiles' does not exist in the project {api.client.project!r}.")
