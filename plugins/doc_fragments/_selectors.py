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
      - Alias of the image.
    type: str
    aliases: [alias]
  fingerprint:
    description:
      - Fingerprint of the image, or how it begins. 12 to 64 lower-case hex digits.
    type: str
  properties:
    description:
      - Properties that the image must have with these values.
      - A value that begins with V(~) is a regular expression that must match the whole value, such as V(~bookworm|trixie).
      - What is no property, such as the architecture of an imported image, is found by its own option or by O(filter).
    type: dict
  filter:
    description:
      - A condition in the filter language of the servers, such as V(properties.os eq debian and type eq container).
      - It is made of C(FIELD eq VALUE) and C(FIELD ne VALUE), joined by C(and) and C(or) from left to right, each after an optional C(not).
        A value is a regular expression that must match the whole value. Blanks in it need quotes.
    type: str
  type:
    description:
      - Whether the image is for containers or for virtual machines.
    type: str
    choices: [container, virtual-machine]
  architecture:
    description:
      - Architecture as the server calls it, such as V(x86_64) or V(aarch64).
    type: str
  public:
    description:
      - Whether clients that the server does not trust may see the image.
    type: bool
  cached:
    description:
      - Whether the server has fetched the image by itself to make an instance.
    type: bool
  auto_update:
    description:
      - Whether the server keeps the image up to date.
    type: bool
  unaliased:
    description:
      - V(true) for images without any alias, V(false) for images that have one.
    type: bool
  unused:
    description:
      - V(true) for images that no instance of any project was made from, V(false) for the others.
    type: bool
  expired:
    description:
      - Whether the time when the image expires has passed. An image that never expires has not expired.
    type: bool
  older_than:
    description:
      - Images that came into the store longer ago than this, such as V(30d) or V(1w 12h). The units are C(s), C(m), C(h), C(d) and C(w).
    type: str
"""

    # What lifts the guards of a removal
    GUARDS = r"""
options:
  include_protected:
    description:
      - Whether protected images may go too.
    type: bool
    default: false
  include_used:
    description:
      - Whether images may go too that an instance or a snapshot of any project was made from.
    type: bool
    default: false
  include_aliased:
    description:
      - Whether images may go too that have an alias, or that are inactive and remember one.
    type: bool
    default: false
"""
