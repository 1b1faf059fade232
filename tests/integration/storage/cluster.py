"""A PostgreSQL server from Debian's binaries, thrown away at the end."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import sqlalchemy as sa

from tests.polling import poll_until

#: The server refuses root; this user owns nothing else.
NOBODY = "nobody"
STARTED_S = 30.0
STOPPED_S = 30.0
#: The first version whose databases can sort by a language without the system's locales.
ICU = 15


def binaries() -> Path:
    """Return the folder of the newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if not found:
        raise FileNotFoundError(
            "The store's tests need a PostgreSQL server in /usr/lib/postgresql; "
            "`make test` installs it, or: apt-get install postgresql"
        )
    return found[-1].parent


def _version(program: Path) -> int:
    return int(re.sub(r"\D.*", "", program.parents[1].name) or 0)


@dataclass
class Cluster:
    """A server with one superuser `itk`, reachable through a socket in its folder only."""

    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def data(self) -> Path:
        """The folder that the server keeps."""
        return self.folder / "data"

    def make(self) -> None:
        """Make the files, sorting text as people of a language do, which the store must not."""
        if os.geteuid() == 0:
            user = pwd.getpwnam(NOBODY)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        program = binaries() / "initdb"
        command = [str(program), "--pgdata", str(self.data), "--username=itk", "--auth=trust"]
        command += ["--no-sync", "--encoding=UTF8", "--locale=C"]
        if _version(program) >= ICU:
            command += ["--locale-provider=icu", "--icu-locale=en"]
        subprocess.run(self._as_nobody(command), check=True, capture_output=True, timeout=60)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        command = [str(binaries() / "postgres"), "-D", str(self.data), "-k", str(self.folder)]
        command += ["-c", "listen_addresses=", "-c", "shared_buffers=16MB"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._as_nobody(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        poll_until(self._answers, STARTED_S)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends its sessions, SIGQUIT is as if it had crashed."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(STOPPED_S)

    def url(self, database: str) -> str:
        """Return what the store opens."""
        url = sa.URL.create(
            "postgresql+psycopg",
            username="itk",
            database=database,
            query={"host": str(self.folder)},
        )
        return url.render_as_string()

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return a connection of another program; each of its statements is a transaction."""
        return psycopg.connect(
            host=str(self.folder), user="itk", dbname=database, autocommit=True, connect_timeout=5
        )

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text()[-2000:])
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    @staticmethod
    def _as_nobody(command: list[str]) -> list[str]:
        # The server ends itself if the tests are killed.
        setpriv = ["setpriv", "--pdeathsig=INT"]
        if os.geteuid() == 0:
            user = pwd.getpwnam(NOBODY)
            setpriv += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        return [*setpriv, *command]


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Give a server of its own, stopped and removed at the end."""
    # Not pytest's folder: the server's user may not enter that, and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="itk-pg-"))
    cluster = Cluster(folder)
    try:
        cluster.make()
        cluster.start()
        yield cluster
    finally:
        if cluster.process is not None and cluster.process.poll() is None:
            cluster.stop()
        shutil.rmtree(folder)
