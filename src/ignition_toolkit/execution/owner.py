"""The lock of a data folder: one owner at a time, and everybody can see who.

`owner.lock` is held with flock, which the kernel ends with the process, however it dies.
`owner.json` says who holds it; it is only believed while the lock is held.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from ignition_toolkit.errors import DataFolderBusy, OperatorError

Kind = Literal["server", "run", "prune", "credentials", "gateways"]

#: What a person calls each kind of owner.
_TITLES: dict[Kind, str] = {
    "server": "a server",
    "run": "an `itk run`",
    "prune": "an `itk prune`",
    "credentials": "an `itk credentials`",
    "gateways": "an `itk gateways`",
}

LOCK_NAME = "owner.lock"
INFO_NAME = "owner.json"

#: Seconds to look again when the lock is held and no living owner is named: somebody looks (a
#: probe holds the lock for microseconds) or a new owner is about to write who it is.
SETTLE_S = 0.25
INTERVAL_S = 0.01


@dataclass(frozen=True)
class ProcessIdentity:
    """One process, never confused with a later one of the same number.

    Args:
        pid: its number.
        boot_id: the boot of the machine in which it was started.
        start: clock ticks since that boot at which it was started.
    """

    pid: int
    boot_id: str
    start: int

    @classmethod
    def mine(cls) -> Self:
        """Return the identity of this process."""
        pid = os.getpid()
        return cls(pid=pid, boot_id=boot_id(), start=process_start(pid) or 0)

    @property
    def alive(self) -> bool:
        """Whether this very process still exists, as far as this machine can see.

        A zombie is dead, unless its main thread alone has ended.
        """
        return self.boot_id == boot_id() and self.start == process_start(self.pid)


@dataclass(frozen=True)
class Owner(ProcessIdentity):
    """Who owns a data folder.

    Args:
        kind: a server, one `itk run`, or another command that changes what is there.
        url: where a server answers; None for a run, and until the server has its address.
        since: when it took the folder, RFC 3339 in UTC.
    """

    kind: Kind
    url: str | None
    since: str

    @property
    def title(self) -> str:
        """What a person calls it, for the middle of a sentence."""
        if not self.pid:
            return "another process"
        where = f" at {self.url}" if self.url else ""
        return f"{_TITLES[self.kind]}{where} (process {self.pid})"


class FolderLock:
    """A data folder that this process owns, until `release` or its death."""

    def __init__(self, data_dir: Path, descriptor: int, owner: Owner) -> None:
        self._data_dir = data_dir
        self._descriptor: int | None = descriptor
        self._me = owner

    @classmethod
    def take(cls, data_dir: Path, kind: Kind, url: str | None = None) -> Self:
        """Own the folder, which is created with mode 0700 if there is none.

        Waits no longer than SETTLE_S.

        Raises:
            DataFolderBusy: another process owns it; fields `pid`, `kind`, `url`.
            OperatorError: the folder cannot be made, read or written.
        """
        prepare_folder(data_dir)
        descriptor = _open_lock(data_dir)
        try:
            _lock_or_say_who(descriptor, data_dir)
            owner = _describe_me(kind, url)
            _write_info(data_dir, owner)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(data_dir, descriptor, owner)

    @staticmethod
    def owner(data_dir: Path) -> Owner | None:
        """Return who owns the folder, None when nobody does or there is no such folder.

        Waits no longer than SETTLE_S, and only while a new owner has not said who it is.

        Raises:
            OperatorError: the folder's lock cannot be read.
        """
        deadline = time.monotonic() + SETTLE_S
        while _is_held(data_dir):
            owner = _read_info(data_dir)
            # A living owner in another container is not seen as alive: believed at the deadline.
            if owner and (owner.alive or time.monotonic() >= deadline):
                return owner
            if time.monotonic() >= deadline:
                return _unknown_owner()
            time.sleep(INTERVAL_S)
        return None

    @property
    def identity(self) -> ProcessIdentity:
        """The owner as rows of the database name it."""
        return ProcessIdentity(self._me.pid, self._me.boot_id, self._me.start)

    def set_url(self, url: str) -> None:
        """Say where this server answers."""
        self._me = replace(self._me, url=url)
        _write_info(self._data_dir, self._me)

    def release(self) -> None:
        """Give the folder back; a second call does nothing."""
        if self._descriptor is None:
            return
        # The file goes before the lock: afterwards it might be the next owner's.
        with contextlib.suppress(OSError):
            (self._data_dir / INFO_NAME).unlink()
        os.close(self._descriptor)
        self._descriptor = None


def prepare_folder(data_dir: Path) -> None:
    """Make the data folder with mode 0700; one that is there keeps its mode.

    Raises:
        OperatorError: it cannot; the message names the folder, the reason and what to do.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(data_dir, error) from error


def _unusable(data_dir: Path, error: OSError) -> OperatorError:
    reasons = {
        errno.EEXIST: "it is a file",
        errno.ENOTDIR: "a part of the path is a file",
        errno.EACCES: "no right to write there",
        errno.EPERM: "no right to write there",
        errno.EROFS: "the disk is read-only",
        errno.ENOSPC: "the disk is full",
    }
    reason = reasons.get(error.errno or 0, error.strerror or str(error))
    return OperatorError(
        f"the data folder {data_dir} cannot be used: {reason}; "
        "mend that, or name another folder with --data-dir or ITK_DATA_DIR"
    )


def _open_lock(data_dir: Path) -> int:
    try:
        # Python opens with O_CLOEXEC: no runner inherits the lock and outlives its owner with it.
        return os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _unusable(data_dir, error) from error


def _lock_or_say_who(descriptor: int, data_dir: Path) -> None:
    deadline = time.monotonic() + SETTLE_S
    while not _try_flock(descriptor, data_dir, shared=False):
        owner = _read_info(data_dir)
        if (owner and owner.alive) or time.monotonic() >= deadline:
            raise busy(data_dir, owner or _unknown_owner())
        time.sleep(INTERVAL_S)
    # What a dead owner has left must not be read as ours before ours is written.
    with contextlib.suppress(FileNotFoundError):
        (data_dir / INFO_NAME).unlink()


def busy(data_dir: Path, owner: Owner) -> DataFolderBusy:
    """Return the error which says that the folder is somebody else's."""
    return DataFolderBusy(
        f"the data folder {data_dir} belongs to {owner.title}; "
        "end that one, or use another folder with --data-dir",
        pid=owner.pid or None,
        kind=owner.kind,
        url=owner.url,
    )


def _is_held(data_dir: Path) -> bool:
    try:
        # Not created here: a look must not leave anything in a folder that is not ours.
        descriptor = os.open(data_dir / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unusable(data_dir, error) from error
    try:
        return not _try_flock(descriptor, data_dir, shared=True)
    finally:
        os.close(descriptor)


def _try_flock(descriptor: int, data_dir: Path, *, shared: bool) -> bool:
    # Imported here: the command line starts on systems without it, to say that they are
    # not supported.
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _unusable(data_dir, error) from error
    return True


def _describe_me(kind: Kind, url: str | None) -> Owner:
    me = ProcessIdentity.mine()
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Owner(me.pid, me.boot_id, me.start, kind=kind, url=url, since=since)


def _unknown_owner() -> Owner:
    return Owner(0, "", 0, kind="run", url=None, since="")


def _write_info(data_dir: Path, owner: Owner) -> None:
    # One fixed name is enough: only the holder of the lock writes.
    temporary = data_dir / f"{INFO_NAME}.new"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(owner), file)
        temporary.replace(data_dir / INFO_NAME)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise _unusable(data_dir, error) from error


def _read_info(data_dir: Path) -> Owner | None:
    try:
        return _parse_info((data_dir / INFO_NAME).read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        # It is written whole and renamed: what cannot be read is not an owner's.
        return None


def _parse_info(raw: bytes) -> Owner:
    # Any: JSON values, each checked below.
    said: dict[str, Any] = json.loads(raw)
    url = said["url"]
    return Owner(
        pid=int(said["pid"]),
        boot_id=str(said["boot_id"]),
        start=int(said["start"]),
        kind=said["kind"] if said["kind"] in _TITLES else "run",
        url=str(url) if url is not None else None,
        since=str(said["since"]),
    )


def boot_id() -> str:
    """Return what names this boot of the machine, empty where nothing does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def process_start(pid: int) -> int | None:
    """Return when a process that can still act was started, None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
        # The name in brackets may hold blanks and brackets; the state follows it as field 3.
        fields = stat.rpartition(")")[2].split()
        if fields[0] in "ZX" and len(os.listdir(f"/proc/{pid}/task")) <= 1:
            return None
        return int(fields[19])
    except (OSError, IndexError):
        return None
