"""Doors: how many may be inside, and that everyone who leaves makes room."""

from __future__ import annotations

import pytest

from neurons.transport.limits import Door
from protocol.errors import Overloaded


def test_a_full_door_refuses_and_an_exit_makes_room():
    door = Door("calls", 2)
    with door:
        with door:
            with pytest.raises(Overloaded, match="2 calls"), door:
                pass
            assert 2 == door.inside
        with door:
            assert 2 == door.inside
    assert (0, 1) == (door.inside, door.refused)


def test_an_error_inside_leaves_the_door_as_it_was():
    door = Door("calls", 1)
    with pytest.raises(KeyError), door:
        raise KeyError
    assert 0 == door.inside
