"""Folders that results go to: tried before the work, and a full disk told in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from mining_objects.errors import UnwritableFolder
from mining_objects.result_folders import check_writable, writing


def test_a_folder_that_can_be_made_is_found_writable_and_nothing_is_left_behind(tmp_path):
    check_writable(tmp_path / "weights" / "mine")

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("below", ["", "/mine"])
def test_a_file_in_the_way_is_told_with_its_folder(tmp_path, below):
    (tmp_path / "taken").write_text("a file")
    folder = Path(f"{tmp_path}/taken{below}")

    with pytest.raises(UnwritableFolder, match=r"taken.* cannot be written") as told:
        check_writable(folder)
    assert str(folder) == told.value.fields["path"]


def test_a_full_disk_is_told_in_the_systems_words(tmp_path):
    with (
        pytest.raises(UnwritableFolder, match="mine cannot be written: No space left on device"),
        writing(Path("mine")),
    ):
        Path("/dev/full").write_text("more than there is room for")
