# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Publishes an instance or a snapshot of the same server."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..members import naming_member
from ..model import MADE_FROM, ImageSettings

if t.TYPE_CHECKING:
    from ..actions import CreateImage
    from ..desired_image import InstanceSource, SettingsChange
    from ..image_reader import ImageReader
    from ..image_writer import ImageWriter
    from ..model import Image, Instance
    from ..reading.image import ImageReading


class InstanceContent:
    """An instance, or a snapshot of one, in the project of the image."""

    def __init__(self, source: InstanceSource) -> None:
        self._source = source
        # of a snapshot: instance/snapshot
        self._instance_name = source.name.partition("/")[0]

    def identify(self, reading: ImageReading) -> str | None:
        """Return None: only the server knows what the image will hash to."""
        return None

    def look_up(self, reading: ImageReading) -> None:
        """Read the instance, and look for an image that was made from this very state of it.

        Raises LXDInputError if the instance is not found.
        """
        instance = self._read(reading.reader)
        if reading.image is not None and _is_made_from(reading.image, instance):
            return
        # a task that was killed may have left the server publishing the instance
        reading.reader.client.settle(only_new_objects=True)
        for image in reading.list_images(anew=True):
            names = reading.desired.alias_names
            if _is_made_from(image, instance) and all(name in names for name in image.aliases):
                # made by a task that was killed before it could give the image its name
                reading.take_image(image)
                return
        reading.note_instance(instance)

    def _read(self, reader: ImageReader) -> Instance:
        source = self._source
        with naming_member(reader, self._instance_name):
            found = reader.get_snapshot(source.name) if source.kind == "snapshot" else reader.get_instance(source.name)
        if found is None:
            raise LXDInputError(
                f"Cannot publish the {source.kind} {source.name!r}: not found in the project {reader.client.project!r}."
            )
        return found

    def renew(self) -> None:
        """Do nothing: each look_up() reads the instance."""

    def check(self, reader: ImageReader, action: CreateImage, look_into_files: bool) -> None:
        """Do nothing: the plan has refused what cannot be published."""

    def create(self, writer: ImageWriter, action: CreateImage) -> tuple[str, SettingsChange]:
        """Publish the instance, which is stopped by now."""
        source, instance = self._source, t.cast("Instance", action.instance)
        # all properties, as LXD 5.0 replaces those of the instance by what is given
        properties = action.settings.overlay(ImageSettings(properties=instance.image_properties)).properties
        with naming_member(writer, self._instance_name):
            created = writer.publish_image(
                source.kind, source.name, properties, source.compression_algorithm, source.filename
            )
        return created, action.settings


def _is_made_from(image: Image, instance: Instance) -> bool:
    return image.settings.bookkeeping.get(MADE_FROM) == instance.made_from
