# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

from __future__ import annotations


class ModuleDocFragment:
    # Conditions to find images by
    DOCUMENTATION = r"""
options:
  name:
    description:
      - Selects the image that has this alias.
    type: str
    aliases: [alias]
  fingerprint:
    description:
      - Selects the image with this fingerprint. A prefix of the fingerprint is also accepted.
      - The value must have 12 to 64 lower-case hex digits.
    type: str
  properties:
    description:
      - Selects images that have all of these properties with these values.
      - A value that begins with V(~) is a regular expression, such as V(~bookworm|trixie). It must match the whole
        value of the property.
      - Fields that are not properties, such as the architecture of an imported image, are matched with their own
        options or O(filter).
    type: dict
  filter:
    description:
      - Selects images by a condition in the filter language of the servers,
        such as V(properties.os eq debian and type eq container).
      - The condition consists of C(FIELD eq VALUE) and C(FIELD ne VALUE), joined by C(and) and C(or).
        A C(not) before each of them is optional. The condition is evaluated from left to right.
      - C(VALUE) is a regular expression, which is compared ignoring case. It must match the whole value of the field,
        unless it contains C(^) or C($). If it contains blanks, it must be quoted. An expression that the servers and
        Python understand differently, such as C([[:digit:]]), is refused.
      - If C(VALUE) contains commas, each part between them is also accepted as the whole value of the field, as plain
        text.
      - A property that the image does not have is compared as an empty text.
    type: str
  type:
    description:
      - Selects images for containers, or images for virtual machines.
    type: str
    choices: [container, virtual-machine]
  architecture:
    description:
      - Selects images for this architecture. Debian's names, such as V(amd64) or V(arm64),
        are also accepted for V(x86_64), V(aarch64) and so on.
    type: str
  public:
    description:
      - Selects public images (V(true)) or private images (V(false)). Clients that the server does not trust may see a
        public image.
    type: bool
  cached:
    description:
      - Selects images that the server has downloaded by itself to create an instance (V(true)), or all other images
        (V(false)).
    type: bool
  auto_update:
    description:
      - Selects images that the server keeps up to date (V(true)), or all other images (V(false)).
    type: bool
  unaliased:
    description:
      - Selects images without any alias (V(true)), or images that have an alias (V(false)).
    type: bool
  unused:
    description:
      - Selects images that no instance and no snapshot was created from (V(true)), or all other images (V(false)).
      - Instances and snapshots of all projects that share the images are counted.
      - If this client may not see all of them, it is unknown which images are unused. Then
        M(community.lxd.lxd_image_info) fails, and M(community.lxd.lxd_image_prune) keeps the images.
    type: bool
  expired:
    description:
      - Selects images whose expiry time has passed (V(true)), or all other images (V(false)). An image that never
        expires has not expired.
    type: bool
  older_than:
    description:
      - Selects images that were uploaded to the store longer ago than this, such as V(30d) or V(1w 12h).
      - The units are C(s), C(m), C(h), C(d) and C(w).
    type: str
"""

    # What lifts the guards of a removal
    GUARDS = r"""
options:
  include_protected:
    description:
      - Also remove protected images.
    type: bool
    default: false
  include_used:
    description:
      - Also remove images that instances or snapshots were created from. Those of all projects that share the images
        are counted.
    type: bool
    default: false
  include_aliased:
    description:
      - Also remove images that have an alias, and inactive images. Otherwise every inactive image is kept, even if it
        had no alias.
    type: bool
    default: false
"""
