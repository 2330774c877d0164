#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_secret
short_description: Let an untrusted client read one private image of an LXD or Incus server
description:
  - Creates a secret with which a client that the server does not trust may read one private image once, or revokes one.
  - Creating a secret is an action and not a state. It is always a change.
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
      - In check mode no secret is created, so RV(secret) and RV(operation) are null.
  diff_mode:
    support: none
    details:
      - A secret is not shown in a diff, and nothing else changes.
  idempotent:
    support: partial
    details:
      - V(absent) as O(state) is idempotent. V(present) creates another secret every time.
options:
  state:
    description:
      - V(present) creates a secret for the image of O(name) or O(fingerprint).
      - V(absent) revokes the secret of O(operation).
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Alias of the image.
    type: str
    aliases: [alias]
  fingerprint:
    description:
      - Fingerprint of the image, or how it begins. 12 to 64 lower-case hex digits.
    type: str
  operation:
    description:
      - The operation of the secret that is to be revoked, as RV(operation) returned it.
    type: str
notes:
  - A secret is used up a few seconds after its first use. One that is revoked is also accepted for some five seconds more.
seealso:
  - module: community.lxd.lxd_image
  - module: community.lxd.lxd_image_info
"""

EXAMPLES = r"""
---
- name: Create a secret for a private image
  community.lxd.lxd_image_secret:
    name: golden/debian-12
  register: secret

- name: Copy the image to a server that the first one does not trust
  community.lxd.lxd_image:
    url: https://edge.example.com:8443
    name: golden/debian-12
    source:
      type: image
      server: https://images.example.com:8443
      certificate: /etc/ssl/images.example.com.crt
      fingerprint: "{{ secret.fingerprint }}"
      secret: "{{ secret.secret }}"

- name: Revoke it if it was not used
  community.lxd.lxd_image_secret:
    state: absent
    operation: "{{ secret.operation }}"
"""

RETURN = r"""
secret:
  description: The secret, null in check mode and with V(absent) as O(state).
  returned: success
  type: str
  sample: "5e1c0a9e9f3c5b0d5f0a4b5a5ad7f3b1f0b8c4bae34ea095ceffc0a3b4b5b3a9"
fingerprint:
  description: The full fingerprint of the image, null with V(absent) as O(state).
  returned: success
  type: str
  sample: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
operation:
  description: The operation whose end revokes the secret.
  returned: success
  type: str
  sample: /1.0/operations/2b1a1d7e-0a5b-4c0b-8d0e-4a6b1c3f2e9d
failure:
  description: What is known about a failure, such as the server's own words, its status and the request.
  returned: failure
  type: dict
  sample:
    status: 403
    error: not authorized
    request: POST /1.0/images/4ea095ceffc0/secret
"""

from ansible_collections.community.lxd.plugins.module_utils._image.options import desired_secret
from ansible_collections.community.lxd.plugins.module_utils._image.reconcile_secret import reconcile_secret
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module

MODULE = Module(
    spec={
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "name": {"type": "str", "aliases": ["alias"]},
        "fingerprint": {"type": "str"},
        "operation": {"type": "str"},
    },
    constraints={
        "required_if": [("state", "present", ("name", "fingerprint"), True), ("state", "absent", ("operation",))],
        "mutually_exclusive": [("name", "fingerprint")],
    },
    parse=desired_secret,
    run=reconcile_secret,
    unseen=lambda desired: {"secret": None, "operation": None, "fingerprint": None},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
