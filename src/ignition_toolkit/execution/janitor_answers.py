"""What a janitor answers, read from its lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ignition_toolkit.errors import ProtocolError
from ignition_toolkit.playbook.models import Leftover, Process


@dataclass(frozen=True)
class Ended:
    """What the janitor did to one tree. Times are monotonic seconds."""

    token: str
    #: When it began to kill, and when it had verified that nothing is left.
    began: float
    t: float
    #: What it killed, without the runner itself.
    killed: tuple[Process, ...] = ()
    #: The runner, when it was alive and was killed.
    runner: Process | None = None
    leftovers: tuple[Leftover, ...] = ()


@dataclass(frozen=True)
class Swept:
    """What the janitor did to the leftovers of dead workers."""

    killed: tuple[Process, ...] = ()
    leftovers: tuple[Leftover, ...] = ()


class _Answer(BaseModel):
    # A janitor of a later release may say more.
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Killed(_Answer):
    pid: int
    name: str
    runner: bool = False

    def process(self) -> Process:
        return Process(pid=self.pid, name=self.name)


class _Left(_Answer):
    pid: int
    name: str
    start: int | None = None
    state: str = ""
    uid: int | None = None
    why: str = ""

    def leftover(self) -> Leftover:
        return Leftover(**self.model_dump())


class Ready(_Answer):
    """The first answer: the janitor is up."""

    op: Literal["ready"]


class Over(_Answer):
    """A tree is gone, or could not be ended."""

    op: Literal["clean", "stuck"]
    token: str
    began: float
    t: float
    killed: tuple[_Killed, ...] = ()
    leftovers: tuple[_Left, ...] = ()

    def ended(self) -> Ended:
        """Return what was done."""
        runners = [entry.process() for entry in self.killed if entry.runner]
        return Ended(
            token=self.token,
            began=self.began,
            t=self.t,
            killed=tuple(entry.process() for entry in self.killed if not entry.runner),
            runner=runners[0] if runners else None,
            leftovers=tuple(entry.leftover() for entry in self.leftovers),
        )


class Spared(_Answer):
    """An end was taken back before it had begun."""

    op: Literal["spared"]
    token: str


class SweptAnswer(_Answer):
    """Leftovers of dead workers are gone, or could not be ended."""

    op: Literal["swept"]
    killed: tuple[_Killed, ...] = ()
    leftovers: tuple[_Left, ...] = ()

    def swept(self) -> Swept:
        """Return what was done."""
        return Swept(
            tuple(entry.process() for entry in self.killed),
            tuple(entry.leftover() for entry in self.leftovers),
        )


class Pong(_Answer):
    """The answer to a ping."""

    op: Literal["pong"]
    id: int


class Complaint(_Answer):
    """Something was wrong with what the janitor was told, or with what it looked at."""

    op: Literal["error"]
    message: str
    line: str | None = None


Answer = Ready | Over | Spared | SweptAnswer | Pong | Complaint

_answers: TypeAdapter[Answer] = TypeAdapter(Annotated[Answer, Field(discriminator="op")])


def parse(line: bytes) -> Answer:
    """Read one line. Raises ProtocolError when it is no answer."""
    try:
        return _answers.validate_json(line)
    except ValidationError as error:
        raise ProtocolError(f"the janitor said something that is no answer: {line!r}") from error


def command_line(op: str, fields: dict[str, object]) -> bytes:
    """Return one line for the janitor."""
    return json.dumps({"op": op, **fields}).encode() + b"\n"
