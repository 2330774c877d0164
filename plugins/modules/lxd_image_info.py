#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_info
short_description: Find images of an LXD or Incus server
description:
  - Returns the images that all of the given conditions are true for, and their aliases. Without a condition, all images.
  - If no image is found, the lists are empty. That is no failure.
  - The conditions are looked at by the module and not by the server, so they mean the same on every version of LXD and Incus.
version_added: 1.0.0
author:
  - community.lxd contributors (@ansible-collections)
extends_documentation_fragment:
  - community.lxd._connection
  - community.lxd._selectors
  - community.lxd._attributes
  - community.lxd._attributes.actiongroup_lxd
  - community.lxd._attributes.info_module
options:
  all_projects:
    description:
      - Look in all projects that have images of their own, instead of in O(project).
    type: bool
    default: false
  used_by:
    description:
      - Also return the instances that were made from each image, of all projects that share the images of its project.
      - Where the image of an instance can't be known, as its cluster member is down, a warning says so, and RV(images[].used_by) is V(null) for images
        without a known user. A search by O(unused) is refused then.
    type: bool
    default: false
  check_updates:
    description:
      - Also ask where each image was copied from whether there is a newer one.
      - Only what was copied by an alias can be followed.
    type: bool
    default: false
  secret:
    description:
      - A secret for the one private image of O(fingerprint), for a client that the server does not trust.
        It is used up a few seconds after its first use.
    type: str
notes:
  - Without O(client_cert), the public images of a server are returned. With a client certificate that the server does not trust, the task fails.
  - With a simplestreams server as O(remote), such as V(ubuntu), its images are returned. C(uploaded_at) is then the date of the build.
seealso:
  - module: community.lxd.lxd_image
  - module: community.lxd.lxd_image_alias
"""

EXAMPLES = r"""
---
- name: Look at one image
  community.lxd.lxd_image_info:
    name: golden/debian-12
  register: golden

- name: Find the images of a pipeline that are older than a month and that nothing was made from
  community.lxd.lxd_image_info:
    properties:
      pipeline: golden
      release: ~bookworm|trixie
    older_than: 30d
    unused: true
  register: old

- name: Report all images of all projects and who uses them
  community.lxd.lxd_image_info:
    all_projects: true
    used_by: true
  register: report

- name: Report what is out of date
  community.lxd.lxd_image_info:
    check_updates: true
  register: checked

- name: Look for an image on a public server
  community.lxd.lxd_image_info:
    remote: images
    properties:
      release: noble
      architecture: amd64
    type: container

- name: Find images in the language of the command line client
  community.lxd.lxd_image_info:
    filter: properties.os eq debian and not public eq true
"""

RETURN = r"""
images:
  description: The images, sorted by project and fingerprint.
  returned: success
  type: list
  elements: dict
  contains:
    project:
      description: The project that the image is in.
      type: str
      returned: always
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
      returned: always
    ansible:
      description: What the collection remembers about the image, from its properties that begin with C(ansible.), without that prefix.
      type: dict
      returned: always
    protected:
      description: Whether this collection refuses to delete the image.
      type: bool
      returned: always
    public:
      description: Whether clients that the server does not trust may see the image.
      type: bool
      returned: always
    auto_update:
      description: Whether the server keeps the image up to date.
      type: bool
      returned: always
    cached:
      description: Whether the server has fetched the image by itself to make an instance.
      type: bool
      returned: always
    expires_at:
      description: When it expires, RFC 3339 in UTC, or C(never).
      type: str
      returned: always
    profiles:
      description: The profiles, sorted.
      type: list
      elements: str
      returned: always
    architecture:
      description: The architecture.
      type: str
      returned: always
    type:
      description: C(container) or C(virtual-machine).
      type: str
      returned: always
    size:
      description: The size in bytes.
      type: int
      returned: always
    filename:
      description: The name of the file that it was imported from, as far as the server was told.
      type: str
      returned: always
    created_at:
      description: When the image was built.
      type: str
      returned: always
    uploaded_at:
      description: When the image came into the store.
      type: str
      returned: always
    last_used_at:
      description: When an instance was last made from it.
      type: str
      returned: always
    update_source:
      description: Where it was copied from.
      type: dict
      returned: if it was copied in a way that can be followed
    upstream_fingerprint:
      description: The fingerprint of the image that the source offers now, null if there is nothing to follow or no answer.
      type: str
      returned: if O(check_updates=true)
    stale:
      description: Whether the source offers another image by now, null if that is not known.
      type: bool
      returned: if O(check_updates=true)
    upstream_error:
      description: Why the source gave no answer.
      type: str
      returned: if O(check_updates=true) and the source could not be asked
    used_by:
      description: The instances that were made from it, each with C(project) and C(name). V(null) if that can't be known.
      type: list
      elements: dict
      returned: if O(used_by=true)
aliases:
  description: The aliases of these images, each with C(name), C(target), C(description), C(type) and C(project), sorted by project and name.
  returned: success
  type: list
  elements: dict
  sample:
    - name: golden/debian-12
      target: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
      description: ""
      type: container
      project: default
server:
  description: The server that was asked.
  returned: success
  type: dict
  contains:
    url:
      description: Its URL.
      type: str
      returned: always
    project:
      description: The project of the connection.
      type: str
      returned: always
    vendor:
      description: C(lxd), C(incus) or C(simplestreams).
      type: str
      returned: if neither O(name) nor O(fingerprint) is given
    version:
      description: Its version.
      type: str
      returned: if neither O(name) nor O(fingerprint) is given
    trusted:
      description: Whether it trusts the client. If not, it shows only public images.
      type: bool
      returned: if neither O(name) nor O(fingerprint) is given
failure:
  description: What is known about a failure, such as the server's own words, its status and the request.
  returned: failure
  type: dict
  sample:
    request: GET /1.0/images
"""

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.gather import gather_images
from ansible_collections.community.lxd.plugins.module_utils._image.options_selection import wanted
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module
from ansible_collections.community.lxd.plugins.module_utils._specs import SELECTOR_SPEC


def gather_from_streams(remote: t.Any, query: t.Any, timeout: float) -> dict[str, t.Any]:
    # only here: mostly the server is LXD or Incus
    from ansible_collections.community.lxd.plugins.module_utils._image.streams_info import gather_stream_images

    return gather_stream_images(remote, query, timeout)


MODULE = Module(
    spec={
        **SELECTOR_SPEC,
        "all_projects": {"type": "bool", "default": False},
        "used_by": {"type": "bool", "default": False},
        "check_updates": {"type": "bool", "default": False},
        "secret": {"type": "str", "no_log": True},
    },
    constraints={"required_by": {"secret": "fingerprint"}},
    parse=wanted,
    run=lambda api, query, check_mode: gather_images(api, query),
    run_streams=gather_from_streams,
    unseen=lambda query: {"images": [], "aliases": [], "server": {"trusted": False}},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
