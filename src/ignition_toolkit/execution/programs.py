"""Loads programs for a start: parsed in a thread, their steps checked by a runner."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from ignition_toolkit.errors import NotFound, PlaybookInvalid
from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.program import LoadedProgram, load_program, program_from_texts
from ignition_toolkit.protocol import StepProblem

Load = Callable[[], LoadedProgram]

#: Programs that were found right and are not checked again while their texts are the same.
KNOWN_PROGRAMS = 256
#: Name that a problem gives to a playbook that has none.
UNNAMED = "playbook.yaml"


class Programs:
    """Loads and checks programs. To be used from the supervision loop only."""

    def __init__(self, library: Library, pool: RunnerPool, catalog: Catalog) -> None:
        self.catalog = catalog
        self._library = library
        self._pool = pool
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="itk-load")
        self._known: OrderedDict[str, LoadedProgram] = OrderedDict()

    @property
    def modules(self) -> dict[str, str]:
        """Module of every step kind."""
        return {name: kind.module for name, kind in self.catalog.kinds.items()}

    async def load(self, path: str | None, text: str | None) -> LoadedProgram:
        """Load a program from the library, or from a text that is not in it.

        Raises NotFound, PlaybookInvalid.
        """
        if path is None and text is None:
            raise NotFound("no playbook was named: give `playbook_path` or `playbook_text`")
        name = path or UNNAMED
        loaded = await self._run(lambda: load_program(name, self._library, self.catalog, text=text))
        return await self._checked(loaded)

    async def from_snapshot(self, main: str, files: Mapping[str, str]) -> LoadedProgram:
        """Load a program from the texts that an execution was accepted with."""
        loaded = await self._run(lambda: program_from_texts(main, files, self.catalog))
        return await self._checked(loaded)

    async def _run(self, load: Load) -> LoadedProgram:
        return await asyncio.get_running_loop().run_in_executor(self._threads, load)

    async def _checked(self, loaded: LoadedProgram) -> LoadedProgram:
        key = _key(loaded)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        problems = await self._pool.check(loaded.program, self.modules)
        if problems:
            raise invalid(loaded, problems)
        self._known[key] = loaded
        while len(self._known) > KNOWN_PROGRAMS:
            self._known.popitem(last=False)
        return loaded

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def invalid(loaded: LoadedProgram, problems: list[StepProblem]) -> PlaybookInvalid:
    """Return the error for what a runner found wrong with a program's steps."""
    lines = [
        loaded.loaded[problem.path].line(problem.location, problem.message) for problem in problems
    ]
    path = loaded.program.main.path
    return PlaybookInvalid(f"playbook {path} has {len(lines)} problem(s)", problems=lines)


def _key(loaded: LoadedProgram) -> str:
    digest = hashlib.sha256(loaded.program.main.path.encode())
    for path, text in sorted(loaded.texts.items()):
        digest.update(f"\0{path}\0{text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
