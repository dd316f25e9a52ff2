"""Everything public is called, and two thousand calls end in a right number or a clear refusal."""

import pytest

from fuzz import campaign, core, registry, surface


def test_every_public_callable_is_drawn():
    registry.load()
    assert sorted(set(surface.public()) - set(core.CALLS)) == []


@pytest.mark.parametrize("part", range(10))
def test_calls_end_in_a_right_number_or_a_clear_refusal(part):
    found = campaign.run(2, range(part, 1600, 10))
    assert not [one for one in found if one.bad], campaign.failures(found)
