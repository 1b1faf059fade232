"""The copy of a trace: nothing in it that opens a door, and the file is whole or not there."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import pytest

from ignition_toolkit.browser import trace_copy
from ignition_toolkit.browser.trace_copy import copy_trace
from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.errors import BrowserError
from tests.polling import poll_until_async

SECRET = 'hunt"er 22'
NOTHING_KNOWN = Redactor(())


def recorded(path: Path, **members: bytes) -> Path:
    """Write a zip of these members; a name's `_` stands for a dot."""
    with ZipFile(path, "w") as target:
        for name, content in members.items():
            target.writestr(name.replace("_", "."), content)
    return path


def copied(folder: Path, redactor: Redactor, **members: bytes) -> dict[str, bytes]:
    """Return the members of the copy by name."""
    path = folder / "copy.zip"
    asyncio.run(copy_trace(recorded(folder / "raw.zip", **members), path, redactor))
    assert sorted(one.name for one in folder.iterdir()) == ["copy.zip", "raw.zip"]
    with ZipFile(path) as source:
        assert source.testzip() is None
        return {name: source.read(name) for name in source.namelist()}


def request(**halves: Any) -> bytes:
    """Return a line of a network log."""
    return json.dumps({"type": "resource-snapshot", "snapshot": halves}).encode() + b"\n"


@pytest.mark.parametrize("spelled", [SECRET, json.dumps(SECRET)[1:-1], "hunt%22er%2022"])
def test_no_spelling_of_a_secret_is_in_it(tmp_path: Path, spelled: str) -> None:
    around = b"x" * (64 * 1024 - 3)
    found = copied(tmp_path, Redactor([SECRET]), trace_trace=around + spelled.encode() + b" end")
    assert found["trace.trace"] == around + b"*** end"


def test_a_log_of_requests_has_no_cookie_and_no_key(tmp_path: Path) -> None:
    opens = [{"name": name, "value": "opens"} for name in ("Cookie", "X-Ignition-API-Token")]
    harmless = {"name": "Accept", "value": "*/*"}
    line = request(
        request={"url": "http://a/", "headers": [*opens, harmless], "cookies": [*opens]},
        response={"headers": [{"name": "set-cookie", "value": "opens"}], "status": 200},
    )
    kept = copied(tmp_path, NOTHING_KNOWN, trace_network=line + b"no entry\n[]\n" + line)
    lines = kept["trace.network"].splitlines()
    assert len(lines) == 2
    assert b"opens" not in kept["trace.network"]
    snapshot = json.loads(lines[0])["snapshot"]
    assert harmless in snapshot["request"]["headers"]
    assert snapshot["response"]["status"] == 200


@pytest.mark.parametrize("half", [None, [], {}, {"headers": None, "cookies": None}])
def test_a_request_of_another_form_is_copied(tmp_path: Path, half: Any) -> None:
    line = request(request=half)
    assert copied(tmp_path, NOTHING_KNOWN, trace_network=line)["trace.network"] == line


def test_the_folders_of_this_machine_are_left_out(tmp_path: Path) -> None:
    assert list(copied(tmp_path, NOTHING_KNOWN, trace_trace=b"{}", trace_stacks=b"/folder/a")) == [
        "trace.trace"
    ]


async def test_what_is_no_trace_leaves_no_file(tmp_path: Path) -> None:
    raw = tmp_path / "raw.zip"
    raw.write_bytes(b"no zip")
    with pytest.raises(BrowserError, match="the recording is no trace"):
        await copy_trace(raw, tmp_path / "copy.zip", NOTHING_KNOWN)
    assert list(tmp_path.iterdir()) == [raw]


async def test_a_cancel_after_the_last_piece_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_copied, copy = threading.Event(), trace_copy._copy

    def told(*given: Any) -> None:
        copy(*given)
        is_copied.set()

    monkeypatch.setattr(trace_copy, "_copy", told)
    raw = recorded(tmp_path / "raw.zip", trace_trace=b"x")
    copying = asyncio.create_task(copy_trace(raw, tmp_path / "copy.zip", NOTHING_KNOWN))
    await asyncio.sleep(0)
    # The event loop is held, so that the cancel comes before it has seen the end.
    assert is_copied.wait(30)
    assert (tmp_path / "copy.zip").exists()
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    assert list(tmp_path.iterdir()) == [raw]


async def test_a_cancel_in_the_middle_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    pieces = trace_copy._pieces

    def held(reading: IO[bytes]) -> Iterator[bytes]:
        for piece in pieces(reading):
            begun.set()
            go_on.wait(30)
            yield piece

    monkeypatch.setattr(trace_copy, "_pieces", held)
    monkeypatch.setattr(trace_copy, "STOP_S", 30.0)
    raw = recorded(tmp_path / "raw.zip", trace_trace=b"x" * 1_000_000)
    copying = asyncio.create_task(copy_trace(raw, tmp_path / "copy.zip", NOTHING_KNOWN))
    await poll_until_async(begun.is_set, 30)
    assert (tmp_path / "copy.zip.part").exists(), "it has begun: the positive control"
    copying.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await copying
    assert list(tmp_path.iterdir()) == [raw]
