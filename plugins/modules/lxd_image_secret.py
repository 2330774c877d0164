#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_secret
short_description: Let an untrusted client read one private image of an LXD or Incus server
description:
  - Creates or revokes a secret for one private image. With the secret, a client that the server does not trust may read
    this image once.
  - Creating a secret is an action, not a state. It is always a change.
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
      - V(present) creates a secret for the image with O(name) or O(fingerprint).
      - V(absent) revokes the secret that belongs to O(operation). If the server denies this and the secret can still be
        used, the task fails.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Alias of the image to create a secret for.
      - With O(state=present), exactly one of O(name) and O(fingerprint) is required. They are mutually exclusive.
    type: str
    aliases: [alias]
  fingerprint:
    description:
      - Fingerprint of the image to create a secret for. A prefix of the fingerprint is also accepted. The value must
        have 12 to 64 lower-case hex digits.
      - With O(state=present), exactly one of O(name) and O(fingerprint) is required. They are mutually exclusive.
    type: str
  operation:
    description:
      - Operation of the secret to revoke. Use the value that was returned as RV(operation).
      - Required with O(state=absent).
    type: str
notes:
  - A secret becomes invalid a few seconds after its first use. A revoked secret is also accepted for about five more
    seconds.
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
  no_log: true

- name: Copy the image to a server that the first server does not trust
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
  description: The secret that was created. It is null in check mode and with O(state=absent).
  returned: success
  type: str
  sample: "5e1c0a9e9f3c5b0d5f0a4b5a5ad7f3b1f0b8c4bae34ea095ceffc0a3b4b5b3a9"
fingerprint:
  description: The full fingerprint of the image. It is null with O(state=absent).
  returned: success
  type: str
  sample: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
operation:
  description:
    - The operation that belongs to the secret. When this operation ends, the secret is revoked.
    - It is null in check mode with O(state=present). With O(state=absent), it is the value of O(operation).
  returned: success
  type: str
  sample: /1.0/operations/2b1a1d7e-0a5b-4c0b-8d0e-4a6b1c3f2e9d
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
    status: 403
    error: not authorized
    request: POST /1.0/images/4ea095ceffc0/secret
"""

from ansible_collections.community.lxd.plugins.module_utils._image.options import desired_secret
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.secret import run_secret
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
    run=run_secret,
    unseen=lambda desired: {"secret": None, "operation": None, "fingerprint": None},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
