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
      - URL of the server to manage, either V(unix:/path/unix.socket) or V(https://host:8443).
        If the URL has no port, port 8443 is used.
      - A URL that contains a user, a password, a query or a fragment is refused.
      - Defaults to the first local socket that exists. The module first tries E(LXD_SOCKET), E(LXD_DIR),
        E(INCUS_SOCKET) and E(INCUS_DIR) from the environment of the task. Then it tries the default paths of LXD from
        the snap, of LXD from the distribution, and of Incus. If the user of the task may not open that socket, the
        socket for ordinary users beside it is used (C(lxd-user), C(incus-user)), without C(become).
      - If not set, the value of the environment variable E(LXD_URL) is used, unless the task gives O(remote).
      - Mutually exclusive with O(remote).
    type: str
  remote:
    description:
      - Name of the server in the configuration of the C(lxc) or C(incus) client. The module reads the configuration of
        the task's user on the managed node. It uses the address, the project, the pinned server certificate and the
        client certificate of this remote, unless the task sets them itself.
      - V(local) is the local server, even if there is no configuration.
      - Reading a configuration requires PyYAML.
      - A remote whose entry cannot be used (no address, another protocol) is an error. The module never uses the local
        server instead.
      - If not set, the value of the environment variable E(LXD_REMOTE) is used, unless the task gives O(url).
    type: str
  client_cert:
    description:
      - Client certificate that the server trusts.
      - This is a path on the managed node, or PEM text.
      - If not set, the value of the environment variable E(LXD_CLIENT_CERT) is used.
    type: str
  client_key:
    description:
      - Private key that belongs to O(client_cert).
      - This is a path on the managed node, or PEM text.
      - If not set, the value of the environment variable E(LXD_CLIENT_KEY) is used.
    type: str
  client_key_password:
    description:
      - Password of O(client_key), if it is encrypted. The module never asks for it.
      - If not set, the value of the environment variable E(LXD_CLIENT_KEY_PASSWORD) is used.
    type: str
    version_added: 2.0.0
  server_cert:
    description:
      - The only server certificate to accept. The host name in the certificate is not checked.
      - This is a path on the managed node, or PEM text.
      - If not set, the value of the environment variable E(LXD_SERVER_CERT) is used.
    type: str
  server_fingerprint:
    description:
      - SHA-256 fingerprint of the only server certificate to accept, with or without colons.
      - If not set, the value of the environment variable E(LXD_SERVER_FINGERPRINT) is used.
    type: str
  ca_path:
    description:
      - File or directory with the certificate authorities to trust. They replace the certificate authorities of the
        system.
      - If not set, the value of the environment variable E(LXD_CA_PATH) is used.
    type: path
  validate_certs:
    description:
      - Whether to check the certificate of the server. Setting O(server_cert) is better than V(false).
      - If not set, the value of the environment variable E(LXD_VALIDATE_CERTS) is used.
    type: bool
    default: true
  use_proxy:
    description:
      - Whether to use the proxies of the environment of the task (E(https_proxy), E(http_proxy), E(no_proxy)), for the
        server to manage and for servers and URLs in C(source). A proxy sees only encrypted data.
      - A local socket is never reached through a proxy.
      - If not set, the value of the environment variable E(LXD_USE_PROXY) is used.
    type: bool
    default: true
    version_added: 2.0.0
  trust_token:
    description:
      - Trust token used to enrol O(client_cert). The server must have issued the token, with
        C(lxc config trust add), C(lxc auth identity create) (LXD 5.21 and later) or C(incus config trust add).
      - The certificate is enrolled once, if the server does not trust it yet. This is a change (V(trust_add)).
        It is never done in check mode.
      - If not set, the value of the environment variable E(LXD_TRUST_TOKEN) is used.
    type: str
  trust_password:
    description:
      - Trust password used to enrol O(client_cert) (LXD before 6.1 only; prefer O(trust_token)).
      - The certificate is enrolled in the same way as with O(trust_token).
      - If not set, the value of the environment variable E(LXD_TRUST_PASSWORD) is used.
      - Mutually exclusive with O(trust_token).
    type: str
  bearer_token:
    description:
      - Token for a server that authenticates clients by OIDC or bearer tokens.
      - If not set, the value of the environment variable E(LXD_BEARER_TOKEN) is used.
    type: str
  project:
    description:
      - Project of the server that contains the images.
      - If not set, the value of the environment variable E(LXD_PROJECT) is used.
      - Defaults to the project of O(remote) if it has one, to V(user-UID) on a socket for ordinary users, with the ID
        of the user, and else to V(default).
      - A project that is not found, or not visible to this client, is an error.
    type: str
  timeout:
    description:
      - Maximum number of seconds that one operation of the server may take. If an operation takes longer, the task
        fails. The operation is cancelled if the server allows this.
      - An answer of a server and a document of a web server must also end within this time, and have at most 64 MiB,
        unpacked. An image may take longer, but at least 4096 bytes of it must arrive in each minute.
      - If not set, the value of the environment variable E(LXD_TIMEOUT) is used.
    type: float
    default: 600
requirements:
  - Python 3.9 or newer (on the managed node)
  - requests 2.25 or newer
  - urllib3 1.26 or newer
  - requests-unixsocket 0.2.0 or newer (for a local socket)
  - PyYAML (where a configured remote is named)
notes:
  - On a local connection, a task runs inside Ansible's own process instead of in a separate process. This takes a tenth
    of the time and gives the same result. A task runs as a module, in a separate process, with any other connection,
    with C(become) or C(async), with an C(ansible_python_interpreter) that is not Ansible's own Python,
    with C(ANSIBLE_KEEP_REMOTE_FILES), on macOS, and if a library is missing.
    A task of M(community.lxd.lxd_image_export) with file attributes such as C(mode) also runs as a module.
  - The variable C(community_lxd_in_process) and the environment variable E(COMMUNITY_LXD_IN_PROCESS) control whether a
    task runs inside Ansible's own process. V(auto) is the default, and runs a task there if this is possible.
    V(false) disables this. V(true) makes a task fail if this is not possible.
  - Inside Ansible's own process, a task that takes longer than ten seconds displays its progress every ten seconds.
  - A module writes the options of a task to the system's log. A task inside Ansible's own process does not.
  - An option with an empty text as its value, as from C(default('')), counts as not given. The only exception is
    O(community.lxd.lxd_image_alias#module:description), where an empty text removes the description.
"""
