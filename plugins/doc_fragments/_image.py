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
      - Required, unless O(fingerprint) or a O(source) other than an instance or a snapshot is given. One of these
        identifies the image.
    type: str
    aliases: [alias]
  fingerprint:
    description:
      - Fingerprint of the image. A prefix of the fingerprint is also accepted. The value must have 12 to 64 lower-case
        hex digits.
      - If O(name) is also given, the alias is pointed at this image.
      - Not supported with a O(source) that is an instance or a snapshot. The fingerprint of a published image cannot be
        chosen.
    type: str
  state:
    description:
      - V(present) makes sure that the image exists with the given settings. If the image exists, the module contacts no
        other server. Without O(name), it may have to ask the source whether the image was copied completely. If the
        source cannot be asked, the module shows a warning.
      - V(latest) also replaces the image if O(source) provides a newer one. It requires O(source). The module itself
        determines the newest fingerprint, so check mode predicts the result exactly.
        An update keeps the aliases with their descriptions, the expiry, the profiles, O(public) and O(auto_update).
        It also keeps properties that the new image does not have itself.
        An instance is published again if it was started, or if its configuration was changed, since it was published.
        A snapshot is published again if it was replaced by another snapshot with the same name.
      - V(inactive) deactivates the image without deleting it. The module records the aliases of the image and removes
        them. The image becomes private and is no longer updated.
        To reactivate the image, use V(present) with the same O(name) or O(fingerprint). The image gets back exactly
        what it had before. O(public=true) and O(auto_update=true) are not supported with V(inactive).
      - V(absent) makes sure that the image does not exist. The image is deleted with all of its aliases, even if it is
        inactive.
        To remove only an alias, use M(community.lxd.lxd_image_alias).
    type: str
    choices: [present, latest, inactive, absent]
    default: present
  source:
    description:
      - Describes how to get the image if it does not exist. Options that belong to another O(source.type) are an error.
      - V(image) takes O(source.remote) or O(source.server) with O(source.protocol) and O(source.certificate);
        O(source.alias) or O(source.fingerprint); O(source.image_type), O(source.architecture), O(source.project),
        O(source.copy_aliases), O(source.mode), O(source.filename); and for a private image O(source.client_cert) with
        O(source.client_key) and O(source.client_key_password), or O(source.secret).
      - V(url) takes O(source.url), O(source.checksum), O(source.certificate), O(source.filename).
      - V(file) takes O(source.path), O(source.rootfs_path), O(source.metadata), O(source.checksum),
        O(source.filename).
      - V(instance) takes O(source.name), O(source.stop), O(source.compression_algorithm), O(source.filename).
      - V(snapshot) takes O(source.name), O(source.compression_algorithm), O(source.filename).
      - Required with O(state=latest).
      - With O(state=absent) and O(state=inactive), O(source) is used only if neither O(name) nor O(fingerprint) is
        given.
    type: dict
    suboptions:
      type:
        description:
          - V(image) copies an image from another server. It requires O(source.remote) or O(source.server),
            and O(source.alias) or O(source.fingerprint).
          - V(url) downloads a tarball from O(source.url).
          - V(file) imports files from the managed node. The content of the files identifies the image. Content that the
            server already has is not sent again. A changed file becomes a new image under the same O(name).
          - V(instance) and V(snapshot) publish an instance, or a snapshot of an instance, from the same server and
            project. If O(name) exists, nothing is published.
        type: str
        choices: [image, url, file, instance, snapshot]
        default: image
      remote:
        description:
          - For V(image), the name of the source server in the configuration of the C(lxc) or C(incus) client.
            The module reads the configuration of the task's user on the managed node.
          - The well-known names V(ubuntu), V(ubuntu-daily), V(ubuntu-minimal), V(ubuntu-minimal-daily) and V(images)
            are also accepted. V(images) is the image server that belongs to the vendor of the managed server.
          - Mutually exclusive with O(source.server).
        type: str
      server:
        description:
          - For V(image), the URL of the source server.
          - With O(source.protocol=oci), it can have a user and a password, as in C(https://user:password@host). Incus
            keeps them in the image, where whoever can read the image can read them. The module warns, and refuses
            O(public=true).
          - Mutually exclusive with O(source.remote).
        type: str
      protocol:
        description:
          - For V(image), the protocol of O(source.server). V(lxd) and V(incus) are equivalent; the module detects the
            server type.
          - V(oci) is a registry of application containers. It requires Incus 6.3 or later as the managed server, which
            needs the program C(skopeo), and which must itself trust the certificate of the registry. The managed node
            asks the registry, too, to find out which image O(source.alias) is now.
          - V(oci) was added in version 2.0.0.
          - The default with O(source.server) is V(lxd). The default with O(source.remote) is the protocol in the
            configuration of this remote.
        type: str
        choices: [simplestreams, lxd, incus, oci]
      alias:
        description:
          - For V(image), the alias of the image on the source server.
          - With O(source.protocol=oci), it is C(repository:tag) or C(repository@sha256:<digest>), such as
            V(library/nginx:1.27). It is required. What a tag means can change, see O(state=latest); what a digest means
            cannot.
          - Mutually exclusive with O(source.fingerprint).
        type: str
      fingerprint:
        description:
          - For V(image), the fingerprint of the image, or a prefix of it. Defaults to O(fingerprint), unless
            O(source.alias) is given.
          - Mutually exclusive with O(source.alias).
        type: str
      image_type:
        description:
          - For V(image), whether to copy the image for containers or the image for virtual machines. Use this option if
            O(source.alias) exists for both.
        type: str
        choices: [container, virtual-machine]
      architecture:
        description:
          - For V(image), the architecture of the image. For a simplestreams server and a registry, it defaults to the
            architecture of the managed server.
        type: str
      certificate:
        description:
          - For V(image) and V(url), the certificate of the source server, as a path on the managed node or as PEM text.
            It is required if the certificate is self-signed.
        type: str
      secret:
        description:
          - For V(image), a secret that gives access to one private image. It requires the full fingerprint of this
            image as O(source.fingerprint).
            To create a secret, see M(community.lxd.lxd_image_secret).
        type: str
      project:
        description:
          - For V(image), the project on the source server.
        type: str
      client_cert:
        description:
          - For V(image), a client certificate that the source server trusts, as a path on the managed node or as PEM
            text. Use it to copy a private image.
        type: str
      client_key:
        description:
          - For V(image), the private key that belongs to O(source.client_cert).
        type: str
      client_key_password:
        description:
          - For V(image), the password of O(source.client_key), if it is encrypted.
        type: str
        version_added: 2.0.0
      copy_aliases:
        description:
          - For V(image), whether to also copy the aliases that the image has on the source server.
          - The module asks the source server for the aliases only if O(name) does not exist yet,
            or with O(state=latest).
          - V(true) and O(purge_aliases=true) are mutually exclusive.
        type: bool
      mode:
        description:
          - For V(image), how the image is transferred to the managed server. The default is V(auto).
          - V(auto) uses V(pull). If the managed server cannot reach the source, V(auto) uses V(relay), except
            with O(auto_update=true), where the task fails.
          - V(pull) makes the managed server download the image. The managed node does not contact the source server,
            and does not need to reach it, if O(source.fingerprint) is a full fingerprint and none of
            O(source.client_cert), O(source.copy_aliases), O(source.image_type) and O(source.architecture) is given.
            The managed server uses only a proxy of its own, from its setting C(core.proxy_https)
            (C(core.proxy_http) for a source with C(http://)), or from the environment of its daemon. The managed node
            uses only a proxy from its environment.
          - V(push) makes the source server send the image. Both servers must be of the same vendor, and the source
            server must trust O(source.client_cert). V(push) and O(source.filename) are mutually exclusive.
          - V(relay) streams the image through the managed node. Use it for servers that cannot reach each other.
          - With O(source.protocol=oci), only V(auto) and V(pull) are supported, and both are V(pull).
        type: str
        choices: [auto, pull, push, relay]
      url:
        description:
          - For V(url), the URL of a unified tarball, or a URL that answers with the headers C(LXD-Image-URL) and
            C(LXD-Image-Hash) (or C(Incus-Image-URL) and C(Incus-Image-Hash)).
          - Required with O(source.type=url).
          - With these headers, the managed server downloads the tarball if it still can. Otherwise, the managed node
            downloads it.
        type: str
      path:
        description:
          - For V(file), the path of a unified tarball, of the metadata tarball of a split image (with
            O(source.rootfs_path)), of a directory with C(metadata.yaml) and C(rootfs), or of a bare root file system or
            disk (with O(source.metadata)).
          - Required with O(source.type=file).
          - A directory is sent as an uncompressed archive. The output of a compressor differs between versions, and the
            fingerprint would differ too.
          - A truncated archive is refused. The servers themselves check only the beginning of an archive.
        type: path
      rootfs_path:
        description:
          - For V(file), the path of the root file system of a split image. This is a tarball or squashfs for a
            container, and a disk for a virtual machine.
          - Mutually exclusive with O(source.metadata).
        type: path
      checksum:
        description:
          - For V(file) and V(url), the expected checksum of the content. It is given as C(<algorithm>:<hex digits>), as
            the hex digits alone, or as a line of C(sha256sum).
            For a split image, it is the checksum of both files, one after the other.
          - As in M(ansible.builtin.get_url), the value can be the URL of a file that contains checksums, such as
            C(sha256:https://example.com/SHA256SUMS).
          - For V(url), nothing is downloaded if the checksum is a SHA-256 and the store has an image with that
            fingerprint.
          - A large gzip archive is imported faster with a checksum. Without a checksum, the archive must be unpacked to
            find out whether it is complete.
        type: str
      filename:
        description:
          - File name stored with the image on the server.
          - For V(image), the default is the file name that the image has on the source server. For V(file) and V(url),
            the default is the name of the file.
          - This option and O(source.mode=push) are mutually exclusive. With V(push), the managed server uses the
            fingerprint as the file name.
        type: str
      metadata:
        description:
          - For V(file), the content of C(metadata.yaml). Use this option if O(source.path) is a bare root file system
            or a bare disk (qcow2 or raw).
          - Mutually exclusive with O(source.rootfs_path).
          - C(architecture) defaults to the architecture of the managed node. C(creation_date) defaults to 1
            (1970-01-01T00:00:01Z), so that repeated runs produce the same fingerprint. The same content and metadata
            always give the same fingerprint.
          - C(creation_date) and C(expiry_date) can be a number of seconds or a date.
        type: dict
      name:
        description:
          - For V(instance), the name of the instance. For V(snapshot), the name in the form C(instance/snapshot).
          - Required with O(source.type=instance) and O(source.type=snapshot).
        type: str
      compression_algorithm:
        description:
          - For V(instance) and V(snapshot), how to compress the image, for example V(gzip), V(xz), V(zstd) or V(none).
            Defaults to the default of the server.
        type: str
      stop:
        description:
          - For V(instance), whether a running instance may be stopped to publish it. The instance is started again
            afterwards, even if publishing fails.
          - If the task is killed while the instance is stopped, the instance stays stopped.
          - Without V(true), a running instance is refused.
        type: bool
  aliases:
    description:
      - Further aliases that the image must have.
    type: list
    elements: str
  purge_aliases:
    description:
      - Whether to remove aliases of the image that are neither O(name) nor in O(aliases).
      - V(true) requires O(aliases). To remove all aliases except O(name), set O(aliases) to an empty list.
      - V(true) and O(source.copy_aliases=true) are mutually exclusive.
    type: bool
    default: false
  alias_conflict:
    description:
      - What to do if one of the aliases points at another image.
      - V(move) points the alias at this image with one atomic write. The alias exists at every moment.
      - V(fail) makes the task fail before anything is changed.
    type: str
    choices: [move, fail]
    default: move
  properties:
    description:
      - Properties that the image must have. They are merged into the existing properties of the image.
      - A property whose value is null or empty is removed.
      - Numbers and booleans are sent as text, booleans as C(true) and C(false).
      - Property names that begin with C(ansible.) are reserved and are refused. The collection stores its own
        information about an image in these properties.
    type: dict
  purge_properties:
    description:
      - Whether to remove properties that are not in O(properties).
      - V(true) requires O(properties). To remove all properties, set O(properties) to an empty dictionary.
    type: bool
    default: false
  public:
    description:
      - Whether clients that the server does not trust may see and copy the image.
      - LXD 6.8 and later accepts public images only in the project V(default). In a project that has images of its own,
        V(true) is refused before anything is changed.
    type: bool
  auto_update:
    description:
      - Whether the server itself updates the image from the source that the image was copied from.
      - V(true) requires an image that the server itself copied (O(source.mode=auto) or O(source.mode=pull)) by alias
        (O(source.alias)) from a server on which the image is public. For any other image, V(true) is refused, because
        the server has no source to follow.
      - For an existing image, V(true) is accepted only if the server already follows an alias for this image, which
        C(update_source) of the image shows. To enable it for any other existing image, delete the image and copy it
        again.
    type: bool
  expires_at:
    description:
      - Time at which the image expires. Give a date, a time as in RFC 3339 such as V(2030-12-31T23:59:59Z),
        or V(never). A time without an offset is in UTC.
      - The servers do not delete an expired image. The expiry is used by other tools and by
        O(community.lxd.lxd_image_info#module:expired).
    type: str
  profiles:
    description:
      - Profiles that an instance created from the image gets by default. An empty list means no profiles.
    type: list
    elements: str
  protected:
    description:
      - Whether this collection refuses to delete the image, whichever of its names a task uses.
    type: bool
  previous:
    description:
      - Whether to delete the image that O(name) pointed at before.
      - V(delete) deletes this image after the alias has moved, unless the image is protected or has other aliases.
      - V(keep) keeps this image.
    type: str
    choices: [keep, delete]
    default: keep
  force:
    description:
      - With O(state=absent), delete the image even if it is protected.
    type: bool
    default: false
"""


def _one_level_down(options: str) -> str:
    """Return the options for the entries of a list: O(name) becomes O(images[].name). References to modules stay."""
    references = re.sub(r"\bO\((?![^)]*#)", "O(images[].", options.partition("options:")[2])
    return "options:\n  images:\n    suboptions:" + textwrap.indent(references, "    ")


# The options of an entry of lxd_image_store
ModuleDocFragment.ENTRIES = _one_level_down(ModuleDocFragment.DOCUMENTATION)  # type: ignore[attr-defined]
