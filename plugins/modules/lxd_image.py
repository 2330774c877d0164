#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image
short_description: Manage images of an LXD or Incus server
description:
  - Makes sure that an image exists in the store of an LXD or Incus server, with its aliases and its settings, or that
    the image does not exist.
  - Every run compares the options of the task with the state of the server, and sends only the difference.
    If an option is not given, the setting on the server is not changed.
  - Replacing an image never loses data. The module stores the new image first. Then it moves the alias with one atomic
    write. It deletes the replaced image last, and only with O(previous=delete).
    A failure at any point leaves the alias where it was.
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
  - The server deletes an image after some days if the server itself downloaded the image to create an instance
    (C(cached)). If O(source) can provide exactly this image, the module deletes the image and provides it again.
    There is no other way to make the image permanent. The module does not do this while the image has aliases,
    because the aliases would be missing in the meantime, or while it is protected, unless O(protected) is given.
    It shows a warning instead.
  - A new image under the same O(name) takes over O(public) and O(profiles) from the image that it replaces, unless
    these options are given. It does not take over O(protected), which belongs to the image and not to the name.
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

- name: Copy between servers that cannot reach each other, with all aliases
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

- name: Replace it with a new build, and delete the old build if it has no other alias
  community.lxd.lxd_image:
    name: golden/debian-12
    source:
      type: file
      path: /srv/images/debian-12-new.tar.gz
    previous: delete

- name: Keep an application container on Incus as the newest one that its tag means
  community.lxd.lxd_image:
    name: web/nginx
    state: latest
    source:
      server: https://docker.io
      protocol: oci
      alias: library/nginx:stable

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

- name: Deactivate the image
  community.lxd.lxd_image:
    name: golden/debian-12
    state: inactive

- name: Reactivate the image, with its aliases
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
    - The image as it is on the server. It is null if the image is absent.
    - In check mode, this contains what is known about the image.
    - It also has the other keys of RV(community.lxd.lxd_image_info#module:images), except C(project), if known.
  returned: success
  type: dict
  contains:
    fingerprint:
      description: The full fingerprint of the image.
      type: str
      returned: always
    aliases:
      description: The aliases of the image, each with C(name) and C(description), sorted by name.
      type: list
      elements: dict
      returned: always
    properties:
      description: The properties of the image, without the collection's own (C(ansible.*)).
      type: dict
      returned: if known
    ansible:
      description:
        - The information that the collection itself stores about the image. It comes from the properties that begin
          with C(ansible.), shown without that prefix.
      type: dict
      returned: if known
    protected:
      description: Whether this collection refuses to delete the image.
      type: bool
      returned: if known
    expires_at:
      description: The time at which the image expires, as in RFC 3339 and in UTC, or C(never).
      type: str
      returned: if known
    profiles:
      description: The profiles of the image, sorted.
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
  description:
    - The fingerprint of the image. It is C(unknown) if the image is not published yet, and null if there is no image.
  returned: success
  type: str
  sample: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
previous_fingerprint:
  description:
    - The fingerprint of the image that this image replaces under O(name). It is null if no image is replaced.
  returned: success
  type: str
  sample: "4ea095ceffc0a3b4b5b3a9d3fc9b3ce43b7aa0a4ea2a2ad5f7b3f1b0b8c4bae3"
actions:
  description:
    - The actions that were done, in order.
    - The possible actions are V(trust_add), V(import), V(copy), V(publish), V(update), V(delete), V(alias_create),
      V(alias_move), V(alias_delete), V(instance_stop), V(instance_start).
  returned: success
  type: list
  elements: str
  sample: [import, alias_move]
diff:
  description: The parts of the image that the task manages, before and after the task.
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
  description: Known details of a failure, such as the error message of the server, the status and the request.
  returned: failure
  type: dict
  sample:
    status: 404
    error: Image not found
    request: GET /1.0/images/4ea095ceffc0
"""

from ansible_collections.community.lxd.plugins.module_utils._argument_specs import IMAGE_CONSTRAINTS, IMAGE_SPEC
from ansible_collections.community.lxd.plugins.module_utils._image.options_image import desired_image
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.image import run_image
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module

MODULE = Module(
    spec=IMAGE_SPEC,
    constraints=IMAGE_CONSTRAINTS,
    parse=desired_image,
    run=run_image,
    unseen=lambda desired: {"image": None, "fingerprint": None, "previous_fingerprint": None},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
