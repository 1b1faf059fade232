"""Loads programs for a start: parsed in a thread, their steps checked by a runner."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ignition_toolkit.errors import NotFound, PlaybookInvalid
from ignition_toolkit.execution.catalog_cache import keep, read_kept
from ignition_toolkit.execution.questions import Questions
from ignition_toolkit.playbook.catalog import Catalog, installed_key
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.program import LoadedProgram, load_program, program_from_texts
from ignition_toolkit.protocol import StepProblem

T = TypeVar("T")

#: Programs that were found right and are not checked again while their texts are the same.
KNOWN_PROGRAMS = 256
#: Characters of their texts that are kept for that.
KNOWN_CHARACTERS = 16 * 1024 * 1024
#: Seconds after which a start looks whether the installed step kinds are still the same.
LOOK_AGAIN_S = 5.0
#: Name that a problem gives to a playbook that has none.
UNNAMED = "playbook.yaml"


class Programs:
    """Loads and checks programs. To be used from the supervision loop only.

    Args:
        library: where playbooks are.
        questions: asks a runner for the catalog and for checks.
        data_dir: where the catalog is kept.
    """

    def __init__(self, library: Library, questions: Questions, data_dir: Path) -> None:
        self.catalog = Catalog(key="")
        self._library = library
        self._questions = questions
        self._data_dir = data_dir
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="itk-load")
        self._known: OrderedDict[str, LoadedProgram] = OrderedDict()
        self._looking = asyncio.Lock()
        self._look_at = 0.0
        self._installed = ""

    @property
    def modules(self) -> dict[str, str]:
        """Module of every step kind."""
        return {name: kind.module for name, kind in self.catalog.kinds.items()}

    async def look_at_kinds(self) -> None:
        """Have the catalog of what is installed now. Raises InternalError.

        A package of step kinds that was installed or changed under a running server counts from
        its next start on.
        """
        loop = asyncio.get_running_loop()
        async with self._looking:
            if loop.time() < self._look_at:
                return
            key = await self._in_thread(_installed_key)
            if key != self._installed:
                await self._load_catalog(key)
                self._installed = key
            self._look_at = loop.time() + LOOK_AGAIN_S

    async def _load_catalog(self, key: str) -> None:
        self._known.clear()
        kept = await self._in_thread(lambda: read_kept(self._data_dir, key))
        self.catalog = kept if kept is not None else await self._ask_for_catalog()

    async def _ask_for_catalog(self) -> Catalog:
        # The runner that was asked before may hold the modules as they were.
        await self._questions.forget()
        catalog = await self._questions.describe()
        await self._in_thread(lambda: keep(self._data_dir, catalog))
        return catalog

    async def load(self, path: str | None, text: str | None) -> LoadedProgram:
        """Load a program from the library, or from a text that is not in it.

        Raises NotFound, PlaybookInvalid; InternalError when its steps cannot be checked.
        """
        if path is None and text is None:
            raise NotFound("no playbook was named: give `playbook_path` or `playbook_text`")
        await self.look_at_kinds()
        name = path or UNNAMED
        return await self._checked(
            await self._in_thread(
                lambda: load_program(name, self._library, self.catalog, text=text)
            )
        )

    async def from_snapshot(self, main: str, files: Mapping[str, str]) -> LoadedProgram:
        """Load a program from the texts that an execution was accepted with. Raises as `load`."""
        return await self._checked(
            await self._in_thread(lambda: program_from_texts(main, files, self.catalog))
        )

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _checked(self, loaded: LoadedProgram) -> LoadedProgram:
        key = _key(loaded)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        problems = await self._questions.check(loaded.program, self.modules)
        if problems:
            raise invalid(loaded, problems)
        self._known[key] = loaded
        while len(self._known) > KNOWN_PROGRAMS or self._is_too_much():
            self._known.popitem(last=False)
        return loaded

    def _is_too_much(self) -> bool:
        texts = (text for one in self._known.values() for text in one.texts.values())
        return sum(map(len, texts)) > KNOWN_CHARACTERS and len(self._known) > 1

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
    digest = hashlib.sha256(loaded.program.main.path.encode("utf-8", "surrogatepass"))
    for path, text in sorted(loaded.texts.items()):
        digest.update(f"\0{path}\0{text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _installed_key() -> str:
    # What was found or not found before is not looked for again without this.
    importlib.invalidate_caches()
    return installed_key()
