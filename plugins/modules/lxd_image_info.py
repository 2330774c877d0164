#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_info
short_description: Find images of an LXD or Incus server
description:
  - Returns the images that meet all of the given conditions, and the aliases of these images. Without a condition,
    all images are returned.
  - If no image is found, the returned lists are empty. This is not a failure.
  - The module evaluates the conditions itself, so they mean the same on every version of LXD and Incus.
    The server does not evaluate them.
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
      - Search all projects that have images of their own, instead of only O(project).
      - A client that is not an administrator gets only the projects that it may see, and a warning that says so.
    type: bool
    default: false
  used_by:
    description:
      - Also return the instances and snapshots that were created from each image. Those of all projects that share the
        images of the project are included.
      - The use of images is unknown if the cluster member of an instance is down, or if this client may not see all
        instances that can use the images. Then the module shows a warning, and RV(images[].used_by) is V(null) for
        images without a known user. A search by O(unused) is refused.
    type: bool
    default: false
  check_updates:
    description:
      - Also check whether the source that each image was copied from has a newer image.
      - This is only possible for images that were copied by an alias.
    type: bool
    default: false
  secret:
    description:
      - Secret that gives access to one private image, the image with O(fingerprint). It is for a client that the server
        does not trust.
      - Requires O(fingerprint).
      - The secret becomes invalid a few seconds after its first use.
    type: str
notes:
  - Over HTTPS, a client without a certificate and without O(bearer_token) gets only the public images of the server.
    With a client certificate that the server does not trust, the task fails.
  - With a simplestreams server as O(remote), such as V(ubuntu), the module returns the images of this server.
    C(uploaded_at) is then the date of the build.
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

- name: Find the images of a pipeline that are older than a month and from which nothing was created
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

- name: Find images with the filter language of the command line client
  community.lxd.lxd_image_info:
    filter: properties.os eq debian and not public eq true
"""

RETURN = r"""
images:
  description: The images that were found, sorted by project and fingerprint.
  returned: success
  type: list
  elements: dict
  contains:
    project:
      description: The project that contains the image.
      type: str
      returned: always
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
      returned: always
    ansible:
      description:
        - The information that the collection itself stores about the image. It comes from the properties that begin
          with C(ansible.), shown without that prefix.
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
      description: Whether the server has downloaded the image by itself to create an instance.
      type: bool
      returned: always
    expires_at:
      description: The time at which the image expires, as in RFC 3339 and in UTC, or C(never).
      type: str
      returned: always
    profiles:
      description: The profiles of the image, sorted.
      type: list
      elements: str
      returned: always
    architecture:
      description: The architecture of the image.
      type: str
      returned: always
    type:
      description: The type of the image, C(container) or C(virtual-machine).
      type: str
      returned: always
    size:
      description: The size of the image in bytes.
      type: int
      returned: always
    filename:
      description:
        - The file name stored with the image. This is the name of the file that the image was imported from, if the
          name was sent to the server.
      type: str
      returned: always
    created_at:
      description: The time at which the image was built.
      type: str
      returned: always
    uploaded_at:
      description: The time at which the image was uploaded to the store.
      type: str
      returned: always
    last_used_at:
      description: The time at which an instance was last created from the image.
      type: str
      returned: always
    update_source:
      description: The source that the image was copied from.
      type: dict
      returned: if it was copied in a way that can be followed
    upstream_fingerprint:
      description:
        - The fingerprint of the image that the source provides now. It is null if the image has no source to follow, or
          if the source did not answer.
      type: str
      returned: if O(check_updates=true)
    stale:
      description: Whether the source provides another image now. It is null if this is not known.
      type: bool
      returned: if O(check_updates=true)
    upstream_error:
      description: The reason why the source did not answer.
      type: str
      returned: if O(check_updates=true) and the source could not be asked
    used_by:
      description:
        - The instances and snapshots that were created from the image, each with C(project) and C(name). The name of a
          snapshot has the form C(instance/snapshot).
        - It is an empty list if nothing was created from the image. It is V(null) if this is unknown, because a cluster
          member is down, or because this client may not see all instances that can use the image.
      type: list
      elements: dict
      returned: if O(used_by=true)
aliases:
  description:
    - The aliases of these images, each with C(name), C(target), C(description), C(type) and C(project), sorted by
      project and name.
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
  description: The server that returned the images.
  returned: success
  type: dict
  sample:
    url: https://images.example.com:8443
    project: web
    vendor: incus
    version: 6.0.4
    trusted: true
    clustered: true
    members_down: []
    client:
      method: tls
      sees_all: false
      restricted: true
      fine_grained: false
      projects: [web]
  contains:
    url:
      description: The URL of the server.
      type: str
      returned: always
    project:
      description: The project of the connection.
      type: str
      returned: always
    vendor:
      description:
        - The vendor of the server, C(lxd), C(incus) or C(simplestreams).
        - It can be V(null) if the server does not trust the client.
      type: str
      returned: if neither O(name) nor O(fingerprint) is given
    version:
      description:
        - The version of the server. It is V(null) for a simplestreams server.
        - It can be V(null) if the server does not trust the client.
      type: str
      returned: if neither O(name) nor O(fingerprint) is given
    trusted:
      description: Whether the server trusts the client. If not, the server returns only public images.
      type: bool
      returned: if neither O(name) nor O(fingerprint) is given
    clustered:
      description: Whether the server is a member of a cluster. All members of a cluster have the same images.
      type: bool
      returned: if neither O(name) nor O(fingerprint) is given, and the server is LXD or Incus
      version_added: 2.0.0
    members_down:
      description:
        - The names of the cluster members that do not respond, sorted. While there are some, the use of images by
          instances on them is unknown, and the servers delete no images.
        - It is V(null) if the client may not see the cluster members.
      type: list
      elements: str
      returned: if neither O(name) nor O(fingerprint) is given, and the server is LXD or Incus
      version_added: 2.0.0
    client:
      description: Who the client is on the server, and how much of the server it may see.
      type: dict
      returned: if neither O(name) nor O(fingerprint) is given, and the server is LXD or Incus
      version_added: 2.0.0
      contains:
        method:
          description:
            - How the server has authenticated the client, V(unix), V(tls), V(oidc) or V(bearer).
            - It is V(null) if the server does not trust the client. Incus returns V(tls) on the socket for ordinary
              users.
          type: str
          returned: always
        sees_all:
          description: Whether the client may see everything in all projects, as an administrator may.
          type: bool
          returned: always
        restricted:
          description:
            - Whether the server trusts the client, but does not show it everything. This is so with a certificate that
              is restricted to projects, on the socket for ordinary users, and with limited rights of an identity.
          type: bool
          returned: always
        fine_grained:
          description: Whether the rights of the client are given by groups. Only LXD 5.21 and later has this.
          type: bool
          returned: always
        projects:
          description:
            - The names of the projects that a restricted client may see, sorted.
            - It is V(null) if RV(server.client.restricted=false).
          type: list
          elements: str
          returned: always
      sample:
        method: tls
        sees_all: false
        restricted: true
        fine_grained: false
        projects: [web]
actions:
  description: V(trust_add), if the client certificate was enrolled, see O(trust_token) and O(trust_password).
  returned: if the client certificate was enrolled
  type: list
  elements: str
  sample: [trust_add]
failure:
  description: Known details of a failure, such as the error message of the server, the status and the request.
  returned: failure
  type: dict
  sample:
    request: GET /1.0/images
"""

from ansible_collections.community.lxd.plugins.module_utils._argument_specs import SELECTOR_SPEC
from ansible_collections.community.lxd.plugins.module_utils._image.options_selection import info_query
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.info import run_info, run_info_on_simplestreams
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module

MODULE = Module(
    spec={
        **SELECTOR_SPEC,
        "all_projects": {"type": "bool", "default": False},
        "used_by": {"type": "bool", "default": False},
        "check_updates": {"type": "bool", "default": False},
        "secret": {"type": "str", "no_log": True},
    },
    constraints={"required_by": {"secret": "fingerprint"}},
    parse=info_query,
    run=lambda reader, query, check_mode: run_info(reader, query),
    run_simplestreams=run_info_on_simplestreams,
    unseen=lambda query: {"images": [], "aliases": [], "server": {"trusted": False}},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
