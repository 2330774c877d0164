# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  url:
    description:
      - The server, as V(unix:/path/unix.socket) or V(https://host:8443). Without a port, it is 8443.
      - A user, a password, a query or a fragment in the URL is refused.
      - Defaults to the first local socket that exists. Looked for are E(LXD_SOCKET), E(LXD_DIR), E(INCUS_SOCKET) and E(INCUS_DIR) of the task's
        environment, then the places of LXD from the snap and from the distribution, and of Incus.
      - If not set, the value of the environment variable E(LXD_URL) is used.
      - Mutually exclusive with O(remote).
    type: str
  remote:
    description:
      - The server, as a name from the configuration of the C(lxc) or C(incus) client of the task's user on the managed node.
        Its address, project, pinned server certificate and client certificate are used, unless the task gives them.
      - V(local) is the local server, also without a configuration. A configuration is read with PyYAML.
      - A remote whose entry can't be used (no address, another protocol) is an error. It never stands for the local server.
      - If not set, the value of the environment variable E(LXD_REMOTE) is used.
    type: str
  client_cert:
    description:
      - The client certificate that the server trusts, as a path on the managed node or as PEM text.
      - If not set, the value of the environment variable E(LXD_CLIENT_CERT) is used.
    type: str
  client_key:
    description:
      - The key of O(client_cert), as a path on the managed node or as PEM text.
      - If not set, the value of the environment variable E(LXD_CLIENT_KEY) is used.
    type: str
  server_cert:
    description:
      - The one server certificate to accept, as a path on the managed node or as PEM text. The name in it does not matter.
      - If not set, the value of the environment variable E(LXD_SERVER_CERT) is used.
    type: str
  server_fingerprint:
    description:
      - SHA-256 fingerprint of the one server certificate to accept, with or without colons.
      - If not set, the value of the environment variable E(LXD_SERVER_FINGERPRINT) is used.
    type: str
  ca_path:
    description:
      - File or directory of the certificate authorities to trust instead of the system's.
    type: path
  validate_certs:
    description:
      - Whether the server's certificate is checked. Better give O(server_cert) than V(false).
    type: bool
    default: true
  trust_token:
    description:
      - A token that the server has issued. If the server does not trust O(client_cert) yet, the certificate is enrolled with it, once.
        That is a change (V(trust_add)), and never done in check mode.
      - If not set, the value of the environment variable E(LXD_TRUST_TOKEN) is used.
    type: str
  trust_password:
    description:
      - The same with the trust password that LXD has before 6.1.
      - If not set, the value of the environment variable E(LXD_TRUST_PASSWORD) is used.
      - Mutually exclusive with O(trust_token).
    type: str
  bearer_token:
    description:
      - Token for a server that authenticates by OIDC or bearer tokens.
      - If not set, the value of the environment variable E(LXD_BEARER_TOKEN) is used.
    type: str
  project:
    description:
      - The project of the server that holds the images.
      - If not set, the value of the environment variable E(LXD_PROJECT) is used.
    type: str
    default: default
  timeout:
    description:
      - How many seconds one operation of the server may take. On expiry it is cancelled if the server allows that, and the task fails.
    type: float
    default: 600
requirements:
  - requests
  - requests-unixsocket 0.4.0 or newer with requests 2.32 or newer (for a local socket)
  - PyYAML (where a configured remote is named)
notes:
  - On a local connection, a task runs inside Ansible's own process instead of in a process of its own, which takes a tenth of the time and gives the
    same result. It runs as a module with any other connection, with C(become) or C(async), with an C(ansible_python_interpreter) that is not Ansible's
    own Python, with C(ANSIBLE_KEEP_REMOTE_FILES), on macOS, and where a library is missing. The variable C(community_lxd_in_process) and the environment
    variable E(COMMUNITY_LXD_IN_PROCESS) turn that off (V(false)), or make a task fail where it can't be had (V(true)).
  - Inside Ansible's own process, what lasts longer than ten seconds says how far it is, once in ten seconds. Modules write the options of a task to the
    system's log, which is not done there.
  - Empty text, as from C(default('')), counts as not given.
"""
