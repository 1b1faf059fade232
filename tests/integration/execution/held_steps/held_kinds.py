"""Step kinds that a test holds at a point of its choosing.

Each writes the file `<point>.in` with its pid when it is there, and goes on when there is a file
`<point>.go`.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import ctypes
import html
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, ConfigDict

from ignition_toolkit.playbook.step_handler import StepHandler

#: Seconds after which everything here ends by itself, if nobody stops it.
LIFE_S = 60.0


class Held(BaseModel):
    model_config = ConfigDict(extra="forbid")

    point: str


def arrive(point: str) -> None:
    """Say that this process is at a point; each arrival adds a line."""
    with open(f"{point}.in", "a", encoding="ascii") as out:
        out.write(f"{os.getpid()}\n")


def may_go(point: str) -> bool:
    return Path(f"{point}.go").exists()


class Wait(StepHandler):
    """Waits as a well-behaved step does."""

    type = "held.wait"
    Params = Held

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        arrive(params["point"])
        until = time.monotonic() + LIFE_S
        while not may_go(params["point"]) and time.monotonic() < until:
            await asyncio.sleep(0.002)
        return {"pid": os.getpid()}


class Block(StepHandler):
    """Blocks the event loop."""

    type = "held.block"
    Params = Held

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        arrive(params["point"])
        until = time.monotonic() + LIFE_S
        while not may_go(params["point"]) and time.monotonic() < until:
            time.sleep(0.002)
        return {"pid": os.getpid()}


class Hold(StepHandler):
    """Takes a while in one way or another, and ends by itself."""

    type = "held.hold"

    class Params(BaseModel):
        model_config = ConfigDict(extra="forbid")

        how: str
        seconds: float

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        match params["how"]:
            case "await":
                await asyncio.sleep(params["seconds"])
            case "sleep":
                time.sleep(params["seconds"])
            case "interpreter":
                # As an extension does that does not let go of it.
                ctypes.PyDLL(None).usleep(int(params["seconds"] * 1e6))
        return {}


class Dying(StepHandler):
    """Waits politely, and ends in one way or another when it is cancelled."""

    type = "held.dying"

    class Params(Held):
        how: str

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        arrive(params["point"])
        try:
            await asyncio.sleep(LIFE_S)
        except asyncio.CancelledError:
            return self.die(params["how"])
        return {}

    def die(self, how: str) -> dict[str, Any]:
        match how:
            case "raise":
                raise ConnectionError("the target was closed")
            case "exit":
                os._exit(4)
            case "time out":
                raise TimeoutError
        return {"how": how}


class Lingering(StepHandler):
    """Waits politely, and goes on when it is cancelled, at `<point>.stop`."""

    type = "held.lingering"
    Params = Held

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        arrive(params["point"])
        try:
            await asyncio.sleep(LIFE_S)
        except asyncio.CancelledError:
            arrive(f"{params['point']}.stop")
            await asyncio.sleep(LIFE_S)
        return {}


class Thread(StepHandler):
    """Waits politely and leaves a thread that does not end."""

    type = "held.thread"
    Params = Held

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        threading.Thread(target=time.sleep, args=(LIFE_S,), daemon=True).start()
        arrive(params["point"])
        await asyncio.sleep(LIFE_S)
        return {}


class Between(StepHandler):
    """Ends, and freezes its process before the engine has gone on to the next step."""

    type = "held.between"
    Params = Held

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda _: os.kill(os.getpid(), signal.SIGSTOP))
        arrive(params["point"])
        return {}


class Write(StepHandler):
    """Leaves a password as the artifact `said`."""

    type = "held.write"

    class Params(BaseModel):
        model_config = ConfigDict(extra="forbid")

        credential: Any

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        password = params["credential"]["password"].reveal()
        (self.context.artifacts / "said").write_text(f"it is {password}", encoding="utf-8")
        return {}


class Fail(StepHandler):
    """Fails as often as there are lines in its file, counting itself, up to `times`."""

    type = "held.fail"

    class Params(Held):
        times: int = 1_000

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        arrive(params["point"])
        count = len(Path(f"{params['point']}.in").read_text("ascii").splitlines())
        if count <= params["times"]:
            raise ValueError(f"failed for the {count}. time")
        return {"count": count, "pid": os.getpid()}


class End(StepHandler):
    """Ends its own process in one way or another."""

    type = "held.end"

    class Params(Held):
        how: str
        times: int = 1_000

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        arrive(params["point"])
        count = len(Path(f"{params['point']}.in").read_text("ascii").splitlines())
        if count <= params["times"]:
            await self.end(params["how"])
        return {"pid": os.getpid()}

    async def end(self, how: str) -> None:
        match how:
            case "exit":
                os._exit(3)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "segv":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "close":
                os.closerange(0, 1024)
            case "garbage":
                for fd in range(501, 1024):
                    try:
                        os.write(fd, b"no message\n")
                    except OSError:
                        continue
        await asyncio.sleep(LIFE_S)


class Leave(StepHandler):
    """Leaves a process behind that has left its session, its parent and its environment."""

    type = "held.leave"
    Params = Held

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        code = (
            "import os,sys,time\n"
            "if os.fork(): os._exit(0)\n"
            "os.setsid()\n"
            "open(sys.argv[1],'w').write(str(os.getpid()))\n"
            "time.sleep(60)\n"
        )
        subprocess.run(
            [sys.executable, "-S", "-E", "-c", code, f"{params['point']}.left"],
            env={},
            check=True,
        )
        while not Path(f"{params['point']}.left").exists():
            await asyncio.sleep(0.002)
        arrive(params["point"])
        return {}


class Child(StepHandler):
    """Leaves a process in a session of its own, marked as everything that its run starts."""

    type = "held.child"
    Params = Held

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        child = subprocess.Popen(["sleep", str(LIFE_S)], start_new_session=True)
        Path(f"{params['point']}.left").write_text(str(child.pid), "ascii")
        return {}


class Desk(Wait):
    """Waits, and needs the desktop for it."""

    type = "designer.held"


class Say(StepHandler):
    """Writes to its process's own streams and keeps a file in its TMPDIR."""

    type = "held.say"

    class Params(Held):
        text: str = "line\n"
        times: int = 1

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        data = params["text"].encode()
        for _ in range(params["times"]):
            view = memoryview(data)
            while view:
                view = view[os.write(1, view) :]
        temporary = Path(os.environ["TMPDIR"]) / "kept"
        temporary.write_text("x", "ascii")
        arrive(params["point"])
        return {"kept": str(temporary)}


class Output(StepHandler):
    """Gives back what it was given."""

    type = "held.echo"

    class Params(BaseModel):
        model_config = ConfigDict(extra="forbid")

        value: Any = None

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        self.context.set_variable("echo", params["value"])
        return {"value": params["value"], "pid": os.getpid()}


class Spill(StepHandler):
    """Lets a secret out in every way that a careless author finds.

    It is that of a credential, or of the playbook's gateway where none is named.
    """

    type = "held.spill"

    class Params(BaseModel):
        model_config = ConfigDict(extra="forbid")

        credential: str | None = None
        fails: bool = False

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        value = self._secret(params["credential"])
        found = spellings(value)
        for name, text in found.items():
            self.context.log(f"{name}: {text}")
            logging.getLogger("careless").warning("%s: %s", name, text)
            print(name, text)
            sys.stderr.write(f"{name}: {text}\n")
        # Two writes, with time between them to be read one by one.
        octets = value.encode()
        for half in (octets[: len(octets) // 2], octets[len(octets) // 2 :] + b"\n"):
            sys.stdout.flush()
            os.write(1, half)
            await asyncio.sleep(0.05)
        # An echo by another program.
        subprocess.run(["cat"], input=octets + b"\n", check=True)
        self.context.progress(1, 2, value)
        self.context.set_variable("spilled", found)
        files = write_files(self.context.artifacts / self.context.step_id, found)
        if params["fails"]:
            raise RuntimeError(f"not taken: {found}") from ValueError(value)
        return {**found, "length": len(value), value: "as a key", "files": files}

    def _secret(self, credential: str | None) -> str:
        if credential is not None:
            secret: str = self.context.credential(credential)["password"].reveal()
            return secret
        gateway = self.context.gateway()
        assert gateway is not None
        assert gateway.credential is not None
        token: str = self.context.credential(gateway.credential)["api_token"].reveal()
        return token


def write_files(folder: Path, found: dict[str, str]) -> str:
    """Write a text in every way in which steps leave files; return where."""
    folder.mkdir()
    for name, text in found.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / quote(found["plain"], safe="")).write_text("a name tells too", encoding="utf-8")
    (folder / "all.json").write_text(json.dumps(found), encoding="utf-8")
    # Across the borders of the pieces in which it is read.
    (folder / "long.txt").write_text(f"{found['plain']}\n" * 5000, encoding="utf-8")
    with (folder / "log").open("ab", buffering=0) as log:
        for octet in found["plain"].encode():
            log.write(bytes([octet]))
    return str(folder)


def spellings(value: str) -> dict[str, str]:
    """Return a text in the disguises of everyday life."""
    octets = value.encode()
    shifted = {f"base64 {n}": base64.b64encode(b"u" * n + octets).decode() for n in range(3)}
    return {
        "plain": value,
        "percent": quote(value, safe=""),
        "query": quote_plus(value),
        "json": json.dumps({"password": value}),
        "json in json": json.dumps({"body": value}, ensure_ascii=False),
        "repr": repr(value),
        "octets": repr(octets),
        "html": html.escape(value),
        "url": f"https://admin:{quote(value)}@plant:8043/",
        **shifted,
    }


class Unending(StepHandler):
    """Holds the interpreter in one C call, so that no thread of the runner gets its turn."""

    type = "held.gil"
    Params = Held

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        arrive(params["point"])
        collections.deque(itertools.repeat(None, 10**10), maxlen=0)
        return {}
