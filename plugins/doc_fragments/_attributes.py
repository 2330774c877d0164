# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

from __future__ import annotations


class ModuleDocFragment:
    # The standard attributes, as each module must state them
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description:
      Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments,
        the second invocation indicates no change.
      - This assumes that the system controlled/queried by the module has not changed in a relevant way.
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This action does not modify images. With O(trust_token) or O(trust_password), it enrols the client certificate
        once, which is a change.
  diff_mode:
    support: N/A
    details:
      - This action does not modify images. With O(trust_token) or O(trust_password), it enrols the client certificate
        once, which is a change.
  idempotent:
    support: full
    details:
      - This action does not modify images. With O(trust_token) or O(trust_password), it enrols the client certificate
        once, which is a change.
"""

    ACTIONGROUP_LXD = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/community.lxd.lxd) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - community.lxd.lxd
"""
