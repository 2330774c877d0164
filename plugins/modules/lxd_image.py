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
  - community.lxd._image
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
notes:
  - An image that the server has fetched by itself to make an instance (C(cached)) is dropped by it after some days. If O(source) can provide
    the very same image, it is removed and then provided anew, as nothing else makes it one that stays. While it has
    aliases that is not done, because they would be gone meanwhile; a warning says so.
  - A new image under the same O(name) takes over O(public), O(profiles) and O(protected) from the one that it replaces, unless they are given.
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
      remote: images
      alias: ubuntu/24.04
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

- name: Take the image out of use
  community.lxd.lxd_image:
    name: golden/debian-12
    state: inactive

- name: Put it back, with its aliases
  community.lxd.lxd_image:
    name: golden/debian-12
    state: present

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

from ansible_collections.community.lxd.plugins.module_utils._image.options import desired_image
from ansible_collections.community.lxd.plugins.module_utils._image.reconcile_image import reconcile_image
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module
from ansible_collections.community.lxd.plugins.module_utils._specs import IMAGE_CONSTRAINTS, IMAGE_SPEC

MODULE = Module(
    spec=IMAGE_SPEC,
    constraints=IMAGE_CONSTRAINTS,
    parse=desired_image,
    run=reconcile_image,
    unseen=lambda desired: {"image": None, "fingerprint": None, "previous_fingerprint": None},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
