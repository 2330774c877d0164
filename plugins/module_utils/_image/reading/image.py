# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads the aliases and images that a task for one image touches, and nothing else: the input of its plan."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDError, LXDInputError
from ..image_reader import read_named
from ..model import REPLACES, UNKNOWN, CurrentImage, is_complete, is_fingerprint
from ..plan.image import must_look_up

if t.TYPE_CHECKING:
    from ..desired_image import DesiredImage
    from ..image_reader import ImageReader
    from ..model import Alias, Image, Instance, OfferedImage
    from ..sources.content import TaskContent


class ImageReading:
    """Collects the current state of the desired image from the server. Reads nothing twice.

    ``fingerprint``: of the image that the task means, as far as it is known by now. ``image``: that image, if the
    server has it. ``named``: the image that the alias of the task points at. ``may_defer``: see read_image().
    """

    def __init__(self, reader: ImageReader, desired: DesiredImage, may_defer: bool) -> None:
        self.reader, self.desired, self.may_defer = reader, desired, may_defer
        self.fingerprint = desired.fingerprint
        self.image: Image | None = None
        self.named: Image | None = None
        self.offered: OfferedImage | None = None
        self._orphan: str | None = None
        self._instance: Instance | None = None
        self._aliases: dict[str, Alias] = {}
        self._images: dict[str, Image] = {}
        self._listed: list[Image] | None = None

    def result(self) -> CurrentImage:
        """Return the current state that was collected."""
        return CurrentImage(
            aliases=self._aliases,
            images=self._images,
            fingerprint=self.fingerprint,
            instance=self._instance,
            offered=self.offered,
            orphan=self._orphan,
        )

    # reading

    def list_images(self, anew: bool = False) -> list[Image]:
        """Return all images of the project. ``anew``: whether to read them again if they were read before."""
        if self._listed is None or anew:
            self._listed = self.reader.list_images()
        return self._listed

    def get_alias(self, name: str) -> Alias | None:
        """Return an alias, or None if it is not found."""
        if name not in self._aliases and (alias := self.reader.get_alias(name)):
            self._aliases[name] = alias
        return self._aliases.get(name)

    def get_image(self, fingerprint: str) -> Image | None:
        """Return an image by its fingerprint or a prefix of it, or None if it is not found."""
        if fingerprint not in self._images and is_fingerprint(fingerprint):
            image = self.reader.get_image(fingerprint)
            if image:
                self._images[image.fingerprint] = image
                return image
        return self._images.get(fingerprint)

    def read_named(self) -> bool:
        """Read the alias of the task, and its image. Returns whether the alias exists."""
        alias, self.named = read_named(self.reader, self.desired.name)
        if alias is not None:
            self._aliases[alias.name] = alias
        if self.named is not None:
            self._images[self.named.fingerprint] = self.named
        return alias is not None

    def know_aliases(self, names: t.Iterable[str]) -> None:
        """Read aliases, except those of the image itself: they are known from it."""
        own = {alias.name: alias for alias in self.image.list_aliases()} if self.image else {}
        for name in names:
            if name in own:
                self._aliases.setdefault(name, own[name])
            else:
                self.get_alias(name)

    # called by a source when it has found the image

    def note_offered(self, offered: OfferedImage) -> None:
        """Note the image that the source provides, and read it from the server."""
        self.offered = offered
        self.fingerprint = offered.fingerprint
        self.image = self.get_image(offered.fingerprint)

    def note_instance(self, instance: Instance) -> None:
        """Note an instance that has to be published, because no image was made from its present state."""
        self._instance = instance
        self.fingerprint, self.image = UNKNOWN, None

    def take_image(self, image: Image) -> None:
        """Note an image of the server as the one that the task means."""
        self._images[image.fingerprint] = image
        self.fingerprint, self.image = image.fingerprint, image

    def take_orphan(self, image: Image) -> None:
        """Note an image that belongs to the name, but does not have it."""
        self._orphan, self.image = image.fingerprint, image


def read_image(
    reader: ImageReader, desired: DesiredImage, content: TaskContent, may_defer: bool = False
) -> CurrentImage:
    """Read the current state. Raises LXDInputError if something that the task names is not found.

    ``may_defer``: the fingerprint of large files may stay UNKNOWN if no image on the server can be equal to them: it is
    then computed while they are sent.
    """
    reading = ImageReading(reader, desired, may_defer)
    has_alias = reading.read_named()
    if desired.name and not has_alias:
        _require_not_hidden(reader, desired.name)
    reading.fingerprint = _find_fingerprint(reading, content)
    reading.image = reading.get_image(reading.fingerprint) if reading.fingerprint else reading.named
    if reading.image is None and not desired.name:
        _require_not_hidden(reader)
    if reading.image is None and not has_alias and not reading.fingerprint:
        _find_inactive(reading)
    if desired.state in ("absent", "inactive"):
        _refuse_ambiguity(reading)
        if desired.state == "inactive" and reading.image is not None:
            from .visibility import require_aliases

            require_aliases(reader, reading.image)
    else:
        if must_look_up(desired, reading.image):
            _look_up(reading, content)
        _read_replaced(reading)
        _read_aliases(reading)
    if desired.state != "absent":
        _check_profiles(reading)
    return reading.result()


def _look_up(reading: ImageReading, content: TaskContent) -> None:
    """Find out which image the source provides. A failure is only a warning if the task is content with its image."""
    opened, image = content.open(), reading.image
    try:
        opened.look_up(reading)
    except LXDError as exc:
        if image is None or reading.desired.state != "present":
            raise
        note = (
            f"The image {image.fingerprint} exists, but the source could not be asked whether it was copied "
            f"completely: {exc}"
        )
        if note not in reading.reader.notes:
            reading.reader.notes.append(note)


def _require_not_hidden(reader: ImageReader, alias: str | None = None) -> None:
    # imported only here: mostly the image is there
    from .visibility import require_not_hidden

    require_not_hidden(reader, alias)


def _find_fingerprint(reading: ImageReading, content: TaskContent) -> str | None:
    """Return the fingerprint of the image that the task means, in full if that can be known by now."""
    desired, given = reading.desired, reading.desired.fingerprint
    source = desired.source
    if source is not None and (source.names_content or not (desired.name or given)):
        return content.open().identify(reading)
    if given is None or is_complete(given):
        return given
    image = reading.get_image(given)
    return image.fingerprint if image else given


def _read_replaced(reading: ImageReading) -> None:
    """Read the image that this one has replaced, which a killed task has not deleted yet."""
    replaced = reading.image.settings.bookkeeping.get(REPLACES) if reading.image else None
    if replaced and reading.desired.previous == "delete":
        reading.get_image(replaced)


def _read_aliases(reading: ImageReading) -> None:
    """Read the further aliases that the image must have."""
    desired, image, named = reading.desired, reading.image, reading.named
    names = list(desired.aliases)
    if desired.state == "latest" and named and (image is None or image.fingerprint != named.fingerprint):
        # an update keeps them
        names += named.aliases
    if reading.offered is not None and desired.source is not None and desired.source.copy_aliases:
        names += reading.offered.aliases
    if image is not None and image.inactive_state is not None:
        names += image.inactive_state.aliases
    reading.know_aliases(names)


def _deactivated_from(reading: ImageReading, name: str) -> list[Image]:
    """Return the inactive images that had an alias."""
    return [image for image in reading.list_images() if image.inactive_state and name in image.inactive_state.aliases]


def _find_inactive(reading: ImageReading) -> None:
    """Take the inactive image that had the name. Raises LXDInputError if several images had it."""
    name = reading.desired.name
    found = [image.fingerprint for image in _deactivated_from(reading, name)] if name else []
    if len(found) > 1:
        raise LXDInputError(
            f"The alias {name!r} is ambiguous: the inactive images {', '.join(found)} all had it. "
            "Select one with 'fingerprint'."
        )
    image = reading.get_image(found[0]) if found else None
    if image is not None:
        reading.take_orphan(image)


def _refuse_ambiguity(reading: ImageReading) -> None:
    """Refuse to delete or deactivate an image by an alias that an inactive image also had.

    After this task, the alias would mean that inactive image, and the next run would take it for the desired one.
    """
    name, named = reading.desired.name, reading.named
    if named is None or not name or reading.desired.fingerprint:
        return
    others = [image.fingerprint for image in _deactivated_from(reading, name) if image.fingerprint != named.fingerprint]
    if others:
        what = "delete" if reading.desired.state == "absent" else "deactivate"
        raise LXDInputError(
            f"Cannot {what} an image by the alias {name!r}, which is ambiguous: it points at {named.fingerprint}, "
            f"and {', '.join(others)} had it before being made inactive. Select one with 'fingerprint'."
        )


def _check_profiles(reading: ImageReading) -> None:
    """Refuse an unknown profile now: the server would refuse it only after the image is made.

    A profile that may only be hidden from this client is left to the server.
    """
    known = reading.image.settings.profiles if reading.image else ()
    for profile in reading.desired.settings.profiles or ():
        if profile not in known and not reading.reader.has_profile(profile):
            from .visibility import may_hide

            if may_hide(reading.reader):
                return
            raise LXDInputError(
                f"The profile {profile!r} of 'profiles' is not found in the project {reading.reader.client.project!r}."
            )
