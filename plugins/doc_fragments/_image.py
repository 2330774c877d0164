# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

from __future__ import annotations

import re
import textwrap


class ModuleDocFragment:
    # The options of lxd_image
    DOCUMENTATION = r"""
options:
  name:
    description:
      - Alias of the image.
      - One of O(name), O(fingerprint), or a O(source) with O(source.type=file) must be given. They say which image is meant.
    type: str
    aliases: [alias]
  fingerprint:
    description:
      - Fingerprint of the image, or how it begins. 12 to 64 lower-case hex digits.
      - Together with O(name), the image that the alias is to point at.
    type: str
  state:
    description:
      - V(present) makes sure that the image is there with the given settings. If it is, no other server is asked.
      - V(latest) makes sure that it also is the newest that O(source) offers. The module finds out what that is, so check mode is exact.
        An update keeps the aliases with their descriptions, properties that the new image does not have itself, expiry, profiles,
        O(public) and O(auto_update).
        An instance is published again if it was started or its configuration was changed since, a snapshot if it is another one of that name.
      - V(inactive) takes the image out of use without deleting it. Its aliases are taken off and remembered, it is private and no longer updated.
        With V(present) and the same O(name) or O(fingerprint), it gets back exactly what it had.
      - V(absent) makes sure that the image is gone, with all of its aliases, also if it is inactive.
        To remove only an alias, use M(community.lxd.lxd_image_alias).
    type: str
    choices: [present, latest, inactive, absent]
    default: present
  source:
    description:
      - How to get the image if it is not there. Options that belong to another O(source.type) are an error.
      - With V(absent) as O(state), this is used only if neither O(name) nor O(fingerprint) is given.
    type: dict
    suboptions:
      type:
        description:
          - V(image) copies an image from another server. Needs O(source.remote) or O(source.server), and O(source.alias) or O(source.fingerprint).
          - V(url) fetches a tarball from O(source.url).
          - V(file) imports files on the managed node. Their content decides. Content that the server has is not sent again,
            and a changed file becomes a new image under the same O(name).
          - V(instance) and V(snapshot) publish an instance or a snapshot of an instance of the same server and project.
            If O(name) exists, nothing is published.
        type: str
        choices: [image, url, file, instance, snapshot]
        default: image
      remote:
        description:
          - For V(image), the server by its name in the configuration of the C(lxc) or C(incus) client of the task's user on the managed node,
            or one of the well-known V(ubuntu), V(ubuntu-daily), V(ubuntu-minimal), V(ubuntu-minimal-daily) and V(images).
            V(images) is the one that belongs to the vendor of the managed server.
        type: str
      server:
        description:
          - For V(image), the URL of the server.
        type: str
      protocol:
        description:
          - For V(image), what O(source.server) speaks. V(lxd) and V(incus) mean the same, it is found out which one it is.
          - The default with O(source.server) is V(lxd), with O(source.remote) what its configuration says.
        type: str
        choices: [simplestreams, lxd, incus]
      alias:
        description:
          - For V(image), the alias of the image on that server.
        type: str
      fingerprint:
        description:
          - For V(image), the fingerprint of the image, or how it begins. The default is O(fingerprint), unless there is O(source.alias).
        type: str
      image_type:
        description:
          - For V(image), whether the image is for containers or for virtual machines, if O(source.alias) stands for both.
        type: str
        choices: [container, virtual-machine]
      architecture:
        description:
          - For V(image), the architecture. The default on a simplestreams server is that of the managed server.
        type: str
      certificate:
        description:
          - For V(image) and V(url), the certificate of that server, as a path on the managed node or as PEM text. Needed if it is self-signed.
        type: str
      secret:
        description:
          - For V(image), a secret for the one private image of O(source.fingerprint), see M(community.lxd.lxd_image_secret).
        type: str
      project:
        description:
          - For V(image), the project of that server.
        type: str
      client_cert:
        description:
          - For V(image), a client certificate that the server trusts, as a path on the managed node or as PEM text. To copy a private image.
        type: str
      client_key:
        description:
          - For V(image), the key of O(source.client_cert).
        type: str
      copy_aliases:
        description:
          - For V(image), whether the image also gets the aliases that it has on that server.
          - The server is asked only where O(name) does not exist yet, or with O(state=latest).
        type: bool
      mode:
        description:
          - For V(image), how the image gets here. The default is V(auto).
          - V(auto) is V(pull), and V(relay) if the managed server can't fetch the image.
          - V(pull) lets the managed server fetch it.
          - V(push) lets the other server send it. Both must be of one vendor, and the other must trust O(source.client_cert).
          - V(relay) streams it through the managed node, for servers that can't see each other.
        type: str
        choices: [auto, pull, push, relay]
      url:
        description:
          - For V(url), the URL of a unified tarball, or one that answers with the headers C(LXD-Image-URL) and C(LXD-Image-Hash)
            (or C(Incus-Image-URL) and C(Incus-Image-Hash)). With headers, the server fetches it if it still can. Otherwise the node does.
        type: str
      path:
        description:
          - For V(file), a unified tarball, the metadata tarball of a split image (with O(source.rootfs_path)),
            a directory with C(metadata.yaml) and C(rootfs), or a bare root file system or disk (with O(source.metadata)).
          - A directory is sent as an uncompressed archive. What a compressor makes differs between versions, and with it the fingerprint.
          - An archive that was cut short is refused. The servers themselves look only at its beginning.
        type: path
      rootfs_path:
        description:
          - For V(file), the root file system of a split image. A tarball or squashfs for a container, a disk for a virtual machine.
        type: path
      checksum:
        description:
          - For V(file) and V(url), what the content must hash to, as C(<algorithm>:<hex digits>), the hex digits alone, or a line of C(sha256sum).
            For a split image, that of both files one after the other.
          - As in M(ansible.builtin.get_url), it may be the URL of a file of checksums, such as C(sha256:https://example.com/SHA256SUMS).
          - For V(url), nothing is downloaded if the checksum is a SHA-256 and the store has an image of that fingerprint.
          - A large gzip archive is imported faster with it, as nothing else tells whether it is whole without unpacking it.
        type: str
      filename:
        description:
          - The file name that the server remembers of the image.
          - The default for V(image) is the one that the image has on that server, for V(file) and V(url) the name of the file.
          - It can't be chosen with O(source.mode=push). The server calls such an image by its fingerprint.
        type: str
      metadata:
        description:
          - For V(file), the content of C(metadata.yaml) if O(source.path) is a bare root file system or a bare disk (qcow2 or raw).
          - C(architecture) defaults to that of the node, C(creation_date) to the first second of 1970.
            The same content and metadata always give the same fingerprint. C(creation_date) and C(expiry_date) can be seconds or a date.
        type: dict
      name:
        description:
          - For V(instance), the name of the instance. For V(snapshot), C(instance/snapshot).
        type: str
      compression_algorithm:
        description:
          - For V(instance) and V(snapshot), how to compress the image, for example V(gzip), V(xz), V(zstd) or V(none).
            The default is the server's.
        type: str
      stop:
        description:
          - For V(instance), whether a running instance may be stopped to publish it. It is started again afterwards, also if publishing fails.
          - Only if the task itself is killed meanwhile, nobody starts it.
          - A running instance is refused otherwise.
        type: bool
  aliases:
    description:
      - Further aliases of the image.
    type: list
    elements: str
  purge_aliases:
    description:
      - Whether aliases of the image that are neither O(name) nor in O(aliases) are removed.
    type: bool
    default: false
  alias_conflict:
    description:
      - What to do if one of the aliases points at another image.
      - V(move) points it at this image with one atomic write. There is no moment without the alias.
      - V(fail) fails before anything is done.
    type: str
    choices: [move, fail]
    default: move
  properties:
    description:
      - Properties of the image. They are merged into those that it has.
      - A value that is null or empty removes the property.
      - Numbers and booleans are sent as text, booleans as C(true) and C(false).
      - Names that begin with C(ansible.) are refused. The collection keeps there what it has to remember about an image.
    type: dict
  purge_properties:
    description:
      - Whether properties that are not in O(properties) are removed.
    type: bool
    default: false
  public:
    description:
      - Whether clients that the server does not trust may see and copy the image.
    type: bool
  auto_update:
    description:
      - Whether the server itself keeps the image up to date with where it was copied from.
      - V(true) is refused for an image that the server has nothing to follow for. It must be given when the image is copied,
        by O(source.alias), from a server that shows the image to everybody. An image that is there without it has to be removed first.
    type: bool
  expires_at:
    description:
      - When the image expires, as a date, as RFC 3339 such as V(2030-12-31T23:59:59Z), or V(never). A time without offset is in UTC.
      - The servers do not delete an image for that. It is what other tools and O(community.lxd.lxd_image_info#module:expired) go by.
    type: str
  profiles:
    description:
      - Profiles that an instance made from the image gets by default. An empty list means none.
    type: list
    elements: str
  protected:
    description:
      - Whether this collection refuses to delete the image, under whichever of its names.
    type: bool
  previous:
    description:
      - What happens to the image that was under O(name) before.
      - V(delete) deletes it after the alias has moved, unless it is protected or has other aliases.
    type: str
    choices: [keep, delete]
    default: keep
  force:
    description:
      - With V(absent) as O(state), delete the image even if it is protected.
    type: bool
    default: false
"""


def _one_level_down(options: str) -> str:
    """The same options for the entries of a list: O(name) becomes O(images[].name); references to other modules stay."""
    references = re.sub(r"\bO\((?![^)]*#)", "O(images[].", options.partition("options:")[2])
    return "options:\n  images:\n    suboptions:" + textwrap.indent(references, "    ")


# The options of an entry of lxd_image_store
ModuleDocFragment.ENTRIES = _one_level_down(ModuleDocFragment.DOCUMENTATION)  # type: ignore[attr-defined]
