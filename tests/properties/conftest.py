# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties of the whole: random stores of real servers and random tasks.

``--hypothesis-profile=sample`` (the default) is always the same sample, ``few`` a smaller one; ``whole`` is another one every time and takes twenty
times as long.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stores
from hypothesis import HealthCheck, Phase, configuration, settings

stores.prepare_environment()
configuration.set_hypothesis_home_dir(str(stores.SCRATCH / "hypothesis"))

# A daemon that is busy with something else is no failure.
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
COMMON = settings(deadline=None, database=None, print_blob=True, suppress_health_check=SLOW, report_multiple_bugs=False)
# To make a failing example smaller takes minutes.
QUICK = (Phase.explicit, Phase.generate)
settings.register_profile("sample", COMMON, max_examples=6, derandomize=True, phases=QUICK)
settings.register_profile("few", settings.get_profile("sample"), max_examples=3)
settings.register_profile("whole", COMMON, max_examples=130)
settings.load_profile("sample")


@pytest.fixture(scope="session", params=stores.servers.CHOSEN)
def store(request: pytest.FixtureRequest) -> Iterator[stores.Store]:
    with stores.running_store(request.param) as running:
        yield running
