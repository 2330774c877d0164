#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image
short_description: Manage images of an LXD or Incus server
description:
  - Makes sure that an image is in the store of an LXD or Incus server, under its aliases and with its settings, or that it is gone.
  - Every run compares what is asked for with what the server has, and sends only the difference.
    An option that is not given is left alone on the server.
  - Nothing is lost on the way. A new image is stored first, then its alias moves with one atomic write, and only then the image
    that it replaces may go, if O(previous=delete). A failure at any point leaves the alias where it was.
version_added: 1.0.0
author:
  - community.lxd contributors (@ansible-collections)
extends_documentation_fragment:
  - community.lxd._connection
  - community.lxd._attributes
  - community.lxd._attributes.actiongroup_lxd
attributes:
  check_mode:
    support: full
    details:
      - The fingerprint of an image that is not published yet can't be known. It shows as V(unknown).
  diff_mode:
    support: full
  idempotent:
    support: full
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
      - V(absent) makes sure that the image is gone, with all of its aliases. To remove only an alias, use M(community.lxd.lxd_image_alias).
    type: str
    choices: [present, latest, absent]
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
          - For V(file) and V(url), what the content must hash to, as C(<algorithm>:<hex digits>) or the hex digits of a SHA-256.
            For a split image, that of both files one after the other.
          - A large gzip archive is imported faster with it, as nothing else tells whether it is whole without unpacking it.
        type: str
      filename:
        description:
          - For all but V(image), the file name that the server remembers. The default for V(file) and V(url) is the name of the file.
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
        by O(source.alias), from a server that shows the image to everybody.
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
      - Whether this collection refuses to delete the image.
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
notes:
  - An image that the server has fetched by itself to make an instance (C(cached)) is dropped by it after some days. If O(source) can provide
    the very same image, it is removed and copied again, as nothing else makes it one that stays. Its aliases and settings are kept.
  - A new image under the same O(name) takes over O(public) and O(profiles) from the one that it replaces, unless they are given.
seealso:
  - module: community.lxd.lxd_image_alias
  - module: community.lxd.lxd_image_info
"""

EXAMPLES = r"""
---
- name: Copy an image from a public server and have the server keep it up to date
  community.lxd.lxd_image:
    name: ubuntu/24.04
    source:
      remote: ubuntu
      alias: "24.04"
    auto_update: true

- name: Copy a private image from the build server, and update it when there is a newer one
  community.lxd.lxd_image:
    name: golden/debian-12
    state: latest
    source:
      server: https://build.example.com:8443
      alias: debian-12
      certificate: /etc/ssl/build.example.com.crt
      client_cert: /etc/ssl/fleet.crt
      client_key: /etc/ssl/fleet.key
    previous: delete

- name: Copy between servers that can't see each other, with all aliases
  community.lxd.lxd_image:
    name: golden/debian-12
    source:
      remote: build
      alias: debian-12
      mode: relay
      copy_aliases: true

- name: Fetch a tarball from the web
  community.lxd.lxd_image:
    name: golden/appliance
    source:
      type: url
      url: https://downloads.example.com/appliance.tar.xz
      checksum: "sha256:{{ appliance_checksum }}"

- name: Import an image from a file on the node and describe it
  community.lxd.lxd_image:
    name: golden/debian-12
    source:
      type: file
      path: /srv/images/debian-12.tar.gz
    properties:
      os: debian
      release: bookworm
      build: 20261121
    aliases:
      - golden/latest

- name: Replace it with a new build and let the old one go, if nothing else refers to it
  community.lxd.lxd_image:
    name: golden/debian-12
    source:
      type: file
      path: /srv/images/debian-12-new.tar.gz
    previous: delete

- name: Import a split image, and only the one that was built
  community.lxd.lxd_image:
    name: golden/split
    source:
      type: file
      path: /srv/images/lxd.tar.gz
      rootfs_path: /srv/images/rootfs.squashfs
      checksum: "sha256:{{ build_checksum }}"

- name: Make an image of a virtual machine from a bare disk
  community.lxd.lxd_image:
    name: golden/vm
    source:
      type: file
      path: /srv/images/disk.img
      metadata:
        architecture: x86_64
        creation_date: 2026-11-01
        properties:
          os: debian

- name: Publish a stopped instance
  community.lxd.lxd_image:
    name: web/base
    source:
      type: instance
      name: c1
    properties:
      role: web

- name: Publish a snapshot
  community.lxd.lxd_image:
    name: web/snap0
    source:
      type: snapshot
      name: c1/snap0

- name: Let anybody copy the image until the end of 2030, and launch it with two profiles
  community.lxd.lxd_image:
    name: golden/debian-12
    public: true
    expires_at: 2030-12-31
    profiles:
      - default
      - web

- name: Keep exactly these properties, and protect the image
  community.lxd.lxd_image:
    name: golden/debian-12
    properties:
      os: debian
      release: bookworm
    purge_properties: true
    protected: true

- name: Remove the image, although it is protected
  community.lxd.lxd_image:
    name: golden/debian-12
    state: absent
    force: true
"""

RETURN = r"""
image:
  description:
    - The image as the server has it, null if it is absent.
    - In check mode, what is known of it.
  returned: success
  type: dict
  contains:
    fingerprint:
      description: The full fingerprint.
      type: str
      returned: always
    aliases:
      description: The aliases, each with C(name) and C(description), sorted by name.
      type: list
      elements: dict
      returned: always
    properties:
      description: The properties, without those that the collection remembers by.
      type: dict
      returned: if known
    ansible:
      description: What the collection remembers about the image, from its properties that begin with C(ansible.), without that prefix.
      type: dict
      returned: if known
    protected:
      description: Whether this collection refuses to delete the image.
      type: bool
      returned: if known
    expires_at:
      description: When it expires, RFC 3339 in UTC, or C(never).
      type: str
      returned: if known
    profiles:
      description: The profiles, sorted.
      type: list
      elements: str
      returned: if known
  sample:
    fingerprint: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
    aliases:
      - name: golden/debian-12
        description: ""
    architecture: x86_64
    auto_update: false
    expires_at: never
    profiles:
      - default
    properties:
      os: debian
    protected: false
    ansible: {}
    public: false
    size: 1031344
    type: container
fingerprint:
  description: The fingerprint of the image, C(unknown) if it is not published yet, null if there is none.
  returned: success
  type: str
  sample: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
previous_fingerprint:
  description: The fingerprint of the image that this one replaces under O(name), null if it replaces none.
  returned: success
  type: str
  sample: "4ea095ceffc0a3b4b5b3a9d3fc9b3ce43b7aa0a4ea2a2ad5f7b3f1b0b8c4bae3"
actions:
  description:
    - What was done, in order. The words are V(trust_add), V(import), V(copy), V(publish), V(update), V(delete), V(alias_create), V(alias_move),
      V(alias_delete), V(instance_stop), V(instance_start).
  returned: success
  type: list
  elements: str
  sample: [import, alias_move]
diff:
  description: What the task manages of the image, before and after.
  returned: success
  type: dict
  sample:
    before:
      fingerprint: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
      aliases:
        demo: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
      public: false
    after:
      fingerprint: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
      aliases:
        demo: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
      public: true
failure:
  description: What is known about a failure, such as the server's own words, its status and the request.
  returned: failure
  type: dict
  sample:
    status: 404
    error: Image not found
    request: GET /1.0/images/4ea095ceffc0
"""

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.options import desired_image
from ansible_collections.community.lxd.plugins.module_utils._image.reconcile import reconcile_image
from ansible_collections.community.lxd.plugins.module_utils._module import run_module

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "aliases": ["alias"]},
    "fingerprint": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "latest", "absent"], "default": "present"},
    "source": {
        "type": "dict",
        "options": {
            "type": {"type": "str", "choices": ["image", "url", "file", "instance", "snapshot"], "default": "image"},
            "remote": {"type": "str"},
            "server": {"type": "str"},
            "protocol": {"type": "str", "choices": ["simplestreams", "lxd", "incus"]},
            "alias": {"type": "str"},
            "fingerprint": {"type": "str"},
            "image_type": {"type": "str", "choices": ["container", "virtual-machine"]},
            "architecture": {"type": "str"},
            "certificate": {"type": "str"},
            "secret": {"type": "str", "no_log": True},
            "project": {"type": "str"},
            "client_cert": {"type": "str"},
            "client_key": {"type": "str", "no_log": True},
            "copy_aliases": {"type": "bool"},
            "mode": {"type": "str", "choices": ["auto", "pull", "push", "relay"]},
            "url": {"type": "str"},
            "path": {"type": "path"},
            "rootfs_path": {"type": "path"},
            "checksum": {"type": "str"},
            "filename": {"type": "str"},
            "metadata": {"type": "dict"},
            "name": {"type": "str"},
            "compression_algorithm": {"type": "str"},
            "stop": {"type": "bool"},
        },
    },
    "aliases": {"type": "list", "elements": "str"},
    "purge_aliases": {"type": "bool", "default": False},
    "alias_conflict": {"type": "str", "choices": ["move", "fail"], "default": "move"},
    "properties": {"type": "dict"},
    "purge_properties": {"type": "bool", "default": False},
    "public": {"type": "bool"},
    "auto_update": {"type": "bool"},
    "expires_at": {"type": "str"},
    "profiles": {"type": "list", "elements": "str"},
    "protected": {"type": "bool"},
    "previous": {"type": "str", "choices": ["keep", "delete"], "default": "keep"},
    "force": {"type": "bool", "default": False},
}


def main() -> None:
    run_module(ARGUMENT_SPEC, lambda api, params, check_mode: reconcile_image(api, desired_image(params), check_mode))


if __name__ == "__main__":
    main()
