# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Does what a plan says, in its order. The only place that writes to a server."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.actions import (
    Action,
    CreateAlias,
    CreateImage,
    DeleteAlias,
    DeleteImage,
    MoveAlias,
    Plan,
    Progress,
    StopInstance,
    UpdateAlias,
    UpdateImage,
)
from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    MADE_FROM,
    REPLACES,
    UNKNOWN,
    FileSource,
    ImageSettings,
    InstanceSource,
    SettingsChange,
    Withdrawn,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDAPIError,
    LXDConflict,
    LXDError,
    LXDForbidden,
    LXDInputError,
    LXDOperationError,
    LXDPreconditionFailed,
    LXDStateChanged,
    LXDTimeout,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.turns import turn

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI
    from ansible_collections.community.lxd.plugins.module_utils._image.api_writes import ImageSecret
    from ansible_collections.community.lxd.plugins.module_utils._image.files import ImageFiles
    from ansible_collections.community.lxd.plugins.module_utils._image.inputs import Inputs, SourceServer
    from ansible_collections.community.lxd.plugins.module_utils._image.model import Image, Instance, UpstreamImage

SETTINGS_ATTEMPTS = 10
LONGEST_PAUSE = 1.0
TURN_PATIENCE = 60.0
STOP_SECONDS = 30


def apply_plan(api: ImageAPI, plan: Plan, inputs: Inputs) -> Progress:
    """Carry out all actions in order. On failure the progress so far is on the exception as ``progress``.

    Raises LXDStateChanged, LXDConflict or LXDPreconditionFailed where the server is not as it was planned for,
    LXDOutcomeUnknown where an answer was lost; any other LXDError is final.
    """
    progress = Progress()
    try:
        for action in plan.actions:
            progress.pending = action
            _apply(api, action, inputs, progress)
            progress.done.append(action)
            _check_created(action, progress)
        progress.pending = None
    except LXDError as exc:
        exc.progress = progress  # type: ignore[attr-defined]
        raise
    return progress


def start_again(api: ImageAPI, name: str, published: str | None, error: LXDError) -> None:
    """After a failure that is final: an instance that was stopped for publishing runs again, or the error says that it doesn't."""
    try:
        api.client.settle()  # a publish that is still at work keeps the instance busy
        _start_instance(api, name, published)
    except LXDError as exc:
        error.add(f"And the instance {name!r} was stopped for that and could not be started again: {exc}")


def _apply(api: ImageAPI, action: Action, inputs: Inputs, progress: Progress) -> None:
    if isinstance(action, CreateImage):
        progress.created, settings = _create_image_in_turn(api, action, inputs)
        progress.expected = action.fingerprint
        _check_type(api, action, progress.created)
        change_settings(api, progress.created, settings)
        _check_followed(api, progress.created, settings)
    elif isinstance(action, UpdateImage):
        try:
            change_settings(api, action.fingerprint, action.settings, action.forgets)
        finally:
            _check_put_back(api, action)
    elif isinstance(action, DeleteImage):
        _delete_image(api, action, progress)
    elif isinstance(action, CreateAlias):
        _create_alias(api, action.name, _resolved(action.target, progress), action.description)
    elif isinstance(action, MoveAlias):
        _move_alias(api, action, _resolved(action.target, progress))
    elif isinstance(action, UpdateAlias):
        api.writer.update_alias(action.alias, action.alias.target, action.description)
    elif isinstance(action, DeleteAlias):
        _delete_alias(api, action)
    elif isinstance(action, StopInstance):
        _stop_instance(api, action.name)
    else:
        published = _resolved(action.published, progress)
        _start_instance(api, action.name, None if published == UNKNOWN else published)


def _check_created(action: Action, progress: Progress) -> None:
    """Raises LXDStateChanged where the server has stored another image than planned: the source has moved on, so plan again."""
    if isinstance(action, CreateImage) and action.upstream and action.fingerprint != UNKNOWN and progress.created != action.fingerprint:
        raise LXDStateChanged(
            f"Cannot copy the image {action.fingerprint}: the server has fetched the image {progress.created} instead, which stays in its store. "
            "The source offers one thing to this client and another to the server."
        )


def _check_type(api: ImageAPI, action: CreateImage, created: str) -> None:
    """Compare what the server has stored with what its source said that it is. What it has got wrong is removed again."""
    wanted = action.upstream.type if action.upstream else ""
    image = api.get_image(created) if wanted else None
    stored = image.data.get("type") if image else None
    if not stored or stored == wanted:
        return
    with _existence_turn(api, created):
        api.writer.delete_image(created)
    raise LXDOperationError(
        f"Cannot copy the image {created}: the server has stored it as {stored!r}, but the source says that it is a {wanted!r}. It was removed again. "
        "Use another 'mode' in 'source', such as relay."
    )


def _check_followed(api: ImageAPI, created: str, settings: SettingsChange) -> None:
    """Take auto_update back where the server has nothing to follow: it had the content in another project, and noted no alias."""
    image = api.get_image(created) if settings.auto_update else None
    if image is None or image.followed_alias:
        return
    change_settings(api, created, SettingsChange(auto_update=False))
    raise LXDInputError(
        f"Cannot enable 'auto_update' for the image {created}: the server has it in another of its projects already, took it from there, "
        "and noted no alias that it could follow. Leave out 'auto_update', or keep the image updated in that other project."
    )


def _existence_turn(api: ImageAPI, fingerprint: str) -> t.ContextManager[bool]:
    """Of the tasks of this node, only one at a time makes an image of that content, gives it an alias, or deletes it.

    An alias goes with its image, so none may come between the last look and DELETE; and what LXD 5.0 is asked to make of
    content that it deletes at this moment ends without its file.
    """
    return turn(f"{api.client.url} existence {fingerprint}", TURN_PATIENCE)


def _create_alias(api: ImageAPI, name: str, target: str, description: str) -> None:
    with _existence_turn(api, target):
        api.writer.create_alias(name, target, description)


def _move_alias(api: ImageAPI, action: MoveAlias, target: str) -> None:
    with _existence_turn(api, target):
        api.writer.update_alias(action.alias, target, action.description)


def _delete_alias(api: ImageAPI, action: DeleteAlias) -> None:
    """One that the image is to remember only while it does: another task may put the image back at this moment."""
    if action.withdrawn_from is None:
        api.writer.delete_alias(action.name)
        return
    if _remembers(api, action.withdrawn_from, action.name):
        api.writer.delete_alias(action.name)
        if _remembers(api, action.withdrawn_from, action.name) or api.get_alias(action.name) is not None:
            return
        _create_alias(api, action.name, action.withdrawn_from, action.description)
    raise LXDStateChanged(f"Cannot withdraw the alias {action.name!r}: the image {action.withdrawn_from} has been put back meanwhile.")


def _check_put_back(api: ImageAPI, action: UpdateImage) -> None:
    """Another task may have withdrawn them while the image still remembered them."""
    image = api.get_image(action.fingerprint) if action.put_back else None
    for name, description in action.put_back.items():
        if image and name not in image.aliases:
            with contextlib.suppress(LXDConflict):
                _create_alias(api, name, image.fingerprint, description)


def _remembers(api: ImageAPI, fingerprint: str, name: str) -> bool:
    image = api.get_image(fingerprint)
    return bool(image and image.withdrawn and name in image.withdrawn.aliases)


def _start_instance(api: ImageAPI, name: str, published: str | None) -> None:
    """Run again what was stopped for publishing, and remember its state from now on: starting it is no change of the instance."""
    instance = api.get_instance(name)
    if instance and not instance.running:
        api.writer.set_instance_state(name, "start", -1, force=False)
        instance = api.get_instance(name)
    if published and instance:
        change_settings(api, published, SettingsChange(memory={MADE_FROM: instance.made_from}))


def _resolved(target: str, progress: Progress) -> str:
    return progress.created if progress.created and target in (UNKNOWN, progress.expected) else target


def _create_image_in_turn(api: ImageAPI, action: CreateImage, inputs: Inputs) -> tuple[str, SettingsChange]:
    """In its turn, where the content is known before it is made."""
    if action.fingerprint == UNKNOWN:
        return _create_image(api, action, inputs)
    with _existence_turn(api, action.fingerprint) as waited:
        if waited and api.get_image(action.fingerprint) is not None:
            raise LXDStateChanged(f"Cannot create the image {action.fingerprint}: it has appeared on the server meanwhile.")
        return _create_image(api, action, inputs)


def _create_image(api: ImageAPI, action: CreateImage, inputs: Inputs) -> tuple[str, SettingsChange]:
    """Returns the fingerprint, and the settings that the new image is still to be given."""
    source = action.source
    if isinstance(source, FileSource):
        return _import_files(api, t.cast("ImageFiles", inputs.files)), action.settings
    if isinstance(source, InstanceSource):
        return _publish(api, source, t.cast("Instance", action.instance), action.settings), action.settings
    from ansible_collections.community.lxd.plugins.module_utils._image.copy import copy_image

    return copy_image(api, t.cast("SourceServer", inputs.server).upstream, t.cast("UpstreamImage", action.upstream), action.settings)


def _publish(api: ImageAPI, source: InstanceSource, instance: Instance, settings: SettingsChange) -> str:
    properties = settings.overlay(ImageSettings(properties=instance.image_properties)).properties
    return api.writer.publish_image(source.kind, source.name, properties, source.compression_algorithm, source.filename)


def _import_files(api: ImageAPI, files: ImageFiles) -> str:
    try:
        created = api.writer.create_image_from_files(files)
    except LXDOperationError as exc:
        # somebody else may have imported the very same content meanwhile
        if api.get_image(files.fingerprint) is not None:
            raise LXDStateChanged(f"Cannot import {files}: it has appeared on the server meanwhile.") from exc
        raise
    if created != files.fingerprint:
        raise LXDOperationError(f"Cannot import {files}: its fingerprint is {files.fingerprint}, but the server has stored an image {created}.")
    return created


def change_settings(api: ImageAPI, fingerprint: str, change: SettingsChange, forgets: Withdrawn | None = None) -> None:
    """Read, overlay, one conditional write, and read again; a bounded number of times, where somebody else wrote in between.

    The servers look at If-Match first and write later: of two writes that have passed, the second undoes the first. So
    the tasks of this node take turns; and for those of others, it is done when about as much time has passed as the own
    write took. ``forgets``: all that the image may remember of its aliases.
    """
    with turn(f"{api.client.url} settings {fingerprint}", TURN_PATIENCE):
        _change_settings(api, fingerprint, change, forgets)


def _change_settings(api: ImageAPI, fingerprint: str, change: SettingsChange, forgets: Withdrawn | None) -> None:
    for _attempt in range(SETTINGS_ATTEMPTS):
        image = api.get_image(fingerprint)
        if image is None:
            raise LXDStateChanged(f"Cannot update the image {fingerprint}: it is gone.")
        if forgets and image.withdrawn not in (None, forgets):
            raise LXDStateChanged(f"Cannot put the image {fingerprint} back: it has been withdrawn again meanwhile.")
        settings = change.overlay(image.settings)
        if settings == image.settings:
            return
        begin = time.monotonic()
        with contextlib.suppress(LXDPreconditionFailed):
            _update_image(api, image, settings)
        time.sleep(min(time.monotonic() - begin, LONGEST_PAUSE))
    raise LXDPreconditionFailed(f"Cannot update the image {fingerprint}: it is changed by somebody else all the time.", status=412)


def _update_image(api: ImageAPI, image: Image, settings: ImageSettings) -> None:
    try:
        api.writer.update_image(image, settings)
    except LXDAPIError as exc:
        # of an image that is deleted at this very moment, the servers show an error of their database
        if exc.status == 500 and api.get_image(image.fingerprint) is None:
            raise LXDStateChanged(f"Cannot update the image {image.fingerprint}: it is gone.") from exc
        raise


def _delete_image(api: ImageAPI, action: DeleteImage, progress: Progress) -> None:
    with _existence_turn(api, action.fingerprint):
        if action.unless:
            # DELETE knows no If-Match: look again at the last moment whether somebody has named or protected it
            image = api.get_image(action.fingerprint)
            now = {"aliased": bool(image and image.aliases), "protected": bool(image and image.protected)}
            if any(now[word] for word in action.unless):
                raise LXDStateChanged(f"Cannot delete the image {action.fingerprint}: it has been given an alias or protected meanwhile.")
        api.writer.delete_image(action.fingerprint)
    if action.replaced_by is None:
        return
    change_settings(api, _resolved(action.replaced_by, progress), SettingsChange(memory={REPLACES: None}))


def enrol(api: ImageAPI, token: str | None, password: str | None) -> None:
    """Have the server trust this client. LXD before 5.21.2 takes a token only as password."""
    extensions = api.client.server().extensions
    knows_tokens = "explicit_trust_token" in extensions or "devlxd_images" not in extensions
    credentials = {"trust_token": token} if token and knows_tokens else {"password": token or password or ""}
    try:
        api.writer.create_trust(credentials)
    except LXDForbidden as exc:
        what = "'trust_token' is wrong, expired or used up. Make a new one" if token else "'trust_password' is wrong"
        how = " (lxc config trust add, incus config trust add)" if token else ""
        raise LXDForbidden(f"Cannot enrol the client certificate on {api.client.url}: {what}{how}.", status=exc.status) from exc


def make_secret(api: ImageAPI, fingerprint: str) -> ImageSecret:
    return api.writer.create_secret(fingerprint)


def revoke_secret(api: ImageAPI, operation: str) -> bool:
    """False where it was gone already."""
    return api.writer.delete_secret(operation)


def _stop_instance(api: ImageAPI, name: str) -> None:
    try:
        api.writer.set_instance_state(name, "stop", STOP_SECONDS, force=False)
    except (LXDOperationError, LXDTimeout):
        # it does not listen to a polite request
        api.writer.set_instance_state(name, "stop", -1, force=True)
