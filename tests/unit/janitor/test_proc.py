"""/proc is read right whatever a process calls itself, and signals reach only who is meant."""

import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignition_toolkit.janitor import proc
from ignition_toolkit.janitor.children import KernelLists, ScannedLists, ancestors, choose_lists
from ignition_toolkit.janitor.proc import Identity, Sent
from tests.polling import poll_until

TAIL = b"S 10 20 30 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 12345 6 7"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        ["sleep", "20"], env={"ITK_RUN": "f0.w1.1", "A": "ITK_RUN=no"}
    ) as process:
        yield process
        process.kill()


def identity_of(process: subprocess.Popen[bytes]) -> Identity:
    found = proc.identify(process.pid)
    assert found is not None
    return found


@given(st.binary(max_size=16))
def test_a_process_may_call_itself_anything(name: bytes) -> None:
    stat = proc.parse_stat(b"77 (" + name + b") " + TAIL)
    assert stat.identity == Identity(77, 12345)
    assert (stat.ppid, stat.session, stat.threads, stat.state) == (10, 30, 3, "S")
    assert stat.name == name.decode(errors="replace")


def test_a_name_that_looks_like_the_rest_of_the_line_fools_nobody() -> None:
    stat = proc.parse_stat(b"77 (x) Z 1 1 1) " + TAIL)
    assert (stat.name, stat.state, stat.ppid) == ("x) Z 1 1 1", "S", 10)


@pytest.mark.parametrize("raw", [b"", b"77", b"77 (x)", b"77 (x) S 1 2"])
def test_half_a_line_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="expected a line of /proc/PID/stat"):
        proc.parse_stat(raw)


def test_kernel_threads_are_told_apart() -> None:
    assert proc.parse_stat(b"2 (kthreadd) " + TAIL.replace(b"4194560", b"2129984")).is_kernel_thread
    assert not proc.parse_stat(b"2 (kthreadd) " + TAIL).is_kernel_thread


@pytest.mark.parametrize(
    ("environ", "marker"),
    [
        (b"", None),
        (b"ITK_RUN=a.b.1\0", "a.b.1"),
        (b"A=1\0ITK_RUN=a.b.1\0B=2\0", "a.b.1"),
        (b"A=ITK_RUN=a.b.1\0", None),
        (b"XITK_RUN=a.b.1\0", None),
        (b"ITK_RUN=\xff\0", "\ufffd"),
    ],
)
def test_only_the_variable_itself_is_a_marker(environ: bytes, marker: str | None) -> None:
    assert proc.find_marker(environ) == marker


def test_the_marker_of_a_process_is_read(sleeper: subprocess.Popen[bytes]) -> None:
    def marker() -> str | None:
        stat = proc.read_stat(sleeper.pid)
        return proc.read_marker(stat) if stat else None

    assert poll_until(marker) == "f0.w1.1"


def test_a_process_in_uninterruptible_sleep_is_not_asked(sleeper: subprocess.Popen[bytes]) -> None:
    stat = proc.read_stat(sleeper.pid)
    assert stat is not None
    assert proc.read_marker(stat._replace(state="D")) is None


def test_a_zombie_is_gone(sleeper: subprocess.Popen[bytes]) -> None:
    identity = identity_of(sleeper)
    assert not proc.is_gone(identity)
    sleeper.kill()
    poll_until(lambda: proc.is_gone(identity))
    assert proc.read_stat(sleeper.pid) is not None
    sleeper.wait()
    assert proc.is_gone(identity)


def test_a_process_with_another_start_time_is_gone_and_gets_no_signal(
    sleeper: subprocess.Popen[bytes],
) -> None:
    other = Identity(sleeper.pid, identity_of(sleeper).start + 1)
    assert proc.is_gone(other)
    assert proc.is_still(other)
    assert proc.send(other, signal.SIGKILL) is Sent.GONE
    assert not proc.is_gone(identity_of(sleeper))


def test_a_signal_reaches_the_process_that_is_meant(sleeper: subprocess.Popen[bytes]) -> None:
    identity = identity_of(sleeper)
    assert not proc.is_still(identity)
    assert proc.send(identity, signal.SIGSTOP) is Sent.DELIVERED
    poll_until(lambda: proc.is_still(identity))
    assert proc.send(identity, signal.SIGKILL) is Sent.DELIVERED
    assert sleeper.wait() == -signal.SIGKILL
    assert proc.send(identity, signal.SIGKILL) is Sent.GONE


def test_without_a_descriptor_the_start_time_still_guards(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pid: int) -> int:
        raise OSError(24, "Too many open files")

    identity = identity_of(sleeper)
    monkeypatch.setattr(os, "pidfd_open", refuse)
    assert proc.send(identity._replace(start=identity.start + 1), signal.SIGKILL) is Sent.GONE
    assert proc.send(identity, signal.SIGKILL) is Sent.DELIVERED
    assert sleeper.wait() == -signal.SIGKILL


def test_what_the_kernel_does_not_allow_is_reported(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
    assert proc.send(identity_of(sleeper), signal.SIGKILL) is Sent.REFUSED


def test_the_owner_of_a_process_is_read(sleeper: subprocess.Popen[bytes]) -> None:
    assert proc.read_owner(sleeper.pid) == os.getuid()
    assert proc.read_owner(0) is None


def test_what_is_not_there_reads_as_nothing() -> None:
    assert proc.read_file("/proc/0/stat") == b""
    assert proc.list_threads(0) == []
    assert proc.identify(0) is None


@pytest.mark.parametrize("look", [proc.is_gone, proc.is_still])
def test_a_machine_out_of_files_never_makes_a_process_look_gone(
    look: Callable[[Identity], bool],
    sleeper: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(path: str, flags: int) -> int:
        raise OSError(errno.ENFILE, "Too many open files in system")

    identity = identity_of(sleeper)
    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match="Too many open files"):
        look(identity)
    with pytest.raises(OSError, match="Too many open files"):
        proc.send(identity, signal.SIGSTOP)


@pytest.mark.parametrize("lists", [KernelLists(), ScannedLists()])
def test_both_ways_to_list_children_find_them(
    lists: KernelLists | ScannedLists, sleeper: subprocess.Popen[bytes]
) -> None:
    found = dict(lists.each([os.getpid(), sleeper.pid]))
    assert sleeper.pid in found[os.getpid()]
    assert found[sleeper.pid] == []


@pytest.mark.parametrize("lists", [KernelLists(), ScannedLists()])
def test_parents_may_be_added_while_children_are_listed(
    lists: KernelLists | ScannedLists, sleeper: subprocess.Popen[bytes]
) -> None:
    parents = [os.getpid()]
    asked = []
    for parent, _ in lists.each(parents):
        asked.append(parent)
        if parent == os.getpid():
            parents.append(sleeper.pid)
    assert asked == [os.getpid(), sleeper.pid]


def test_the_kernels_lists_are_chosen_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    has_some = Path(f"/proc/self/task/{os.getpid()}/children").exists()
    assert choose_lists().is_kernels is has_some
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    assert choose_lists().is_kernels is False


def test_ancestors_lead_to_the_first_process() -> None:
    pids = {identity.pid for identity in ancestors(os.getpid())}
    assert {os.getpid(), os.getppid()} <= pids
    assert proc.identify(0) not in ancestors(1)
