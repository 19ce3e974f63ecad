"""Tables for people."""

from __future__ import annotations

from neurons.cli.tables import console, printable, table


def test_what_a_stranger_wrote_moves_no_cursor_and_clears_no_screen() -> None:
    shown = console()
    with shown.capture() as captured:
        shown.print(table("Values", ("came", "value>"), [("now", "\x1b[2J\x1b]0;title\x07\u202e9")]))
    assert "\\x1b[2J\\x1b]0;title\\x07\\u202e9" in captured.get()


def test_printable_text_stays_as_it_is() -> None:
    assert "Grüße, 9.5\nand 東京" == printable("Grüße, 9.5\nand 東京")
