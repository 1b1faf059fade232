"""A playbook with every playbook that it can run: loaded, and checked against each other.

Nested playbooks come from the library. The main one may run others down to `MAX_NESTING` levels
below it: main -> a -> b -> c is allowed, a playbook that c runs is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ignition_toolkit.errors import NotFound, PlaybookInvalid
from ignition_toolkit.playbook.arguments import WrongValue, convert
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.loader import Loaded, Location, invalid, load
from ignition_toolkit.playbook.models import MAX_NESTING, Parameter, Playbook, Program, Step
from ignition_toolkit.playbook.parameters import has_reference
from ignition_toolkit.playbook.wording import described, listed, nearest, shown

#: The kind that runs a nested playbook, and its parameter that names it.
NESTING_KIND = "playbook.run"
NESTING_PARAMETER = "playbook"

#: How many playbooks one may run in all.
MAX_NESTED = 100

#: Gives a playbook's text by path; raises NotFound.
Source = Callable[[str], str | bytes]


@dataclass(frozen=True)
class LoadedProgram:
    """A program, and what it was loaded from."""

    program: Program
    #: Text of every playbook by path, the main one included: the snapshot that a run is kept with.
    texts: dict[str, str]
    #: Lines `path:line:column: message` of every file.
    warnings: list[str]
    loaded: dict[str, Loaded] = field(default_factory=dict)


@dataclass(frozen=True)
class NestedRun:
    """One step of a playbook that runs another."""

    step: Step
    #: Of the step, such as `("steps", 3)`.
    location: Location

    @property
    def parameters(self) -> dict[str, object]:
        """Values for the nested playbook's parameters."""
        return {k: v for k, v in self.step.parameters.items() if k != NESTING_PARAMETER}

    def at(self, name: str) -> Location:
        """Return the location of one of its parameters."""
        return (*self.location, "parameters", name)


def load_program(
    path: str, library: Library, catalog: Catalog, *, text: str | bytes | None = None
) -> LoadedProgram:
    """Load a playbook and those that it runs.

    Args:
        path: a library path; with `text` the name of a file outside the library.
        text: the main playbook's text, where it does not come from the library.

    Raises:
        NotFound: the library has no such main playbook.
        PlaybookInvalid: with the problems of every file; those of a nested one carry its path.
    """
    main = library.read(path) if text is None else text
    return _Linker(catalog, library.read).link(path, main)


def program_from_texts(main_path: str, texts: Mapping[str, str], catalog: Catalog) -> LoadedProgram:
    """Load a program from a stored snapshot, `LoadedProgram.texts`. Raises as `load_program`."""

    def read(path: str) -> str:
        if path not in texts:
            raise NotFound(f"the stored snapshot holds no playbook {shown(path)}", path=path)
        return texts[path]

    return _Linker(catalog, read).link(main_path, read(main_path))


def nested_runs(playbook: Playbook) -> Iterator[NestedRun]:
    """Yield the steps of a playbook that run another one, those of `on_cancel` included."""
    for section in ("steps", "on_cancel"):
        for index, step in enumerate(getattr(playbook, section)):
            if step.type == NESTING_KIND:
                yield NestedRun(step, (section, index))


class _Linker:
    def __init__(self, catalog: Catalog, read: Source) -> None:
        self._catalog = catalog
        self._read = read
        self._texts: dict[str, str] = {}
        self._loaded: dict[str, Loaded] = {}
        #: Paths that did not load, whose problems are noted already.
        self._broken: set[str] = set()
        #: What each playbook runs, with one step that does.
        self._below: dict[str, dict[str, NestedRun]] = {}
        self._problems: list[str] = []

    def link(self, path: str, text: str | bytes) -> LoadedProgram:
        self._load(path, text)
        self._follow(path)
        if path in self._loaded:
            self._check_depth(self._longest_chain(path, (), {}))
        if self._problems:
            raise invalid(path, list(dict.fromkeys(self._problems)))
        nested = {p: loaded.playbook for p, loaded in self._loaded.items() if p != path}
        return LoadedProgram(
            program=Program(main=self._loaded[path].playbook, nested=nested),
            texts=self._texts,
            warnings=[w for loaded in self._loaded.values() for w in loaded.warnings],
            loaded=self._loaded,
        )

    def _load(self, path: str, text: str | bytes) -> None:
        try:
            self._loaded[path] = load(text, path, self._catalog)
        except PlaybookInvalid as error:
            self._broken.add(path)
            self._problems += error.problems
        else:
            decoded = text if isinstance(text, str) else text.decode("utf-8-sig")
            self._texts[path] = decoded

    def _follow(self, path: str) -> None:
        """Load everything that a playbook runs, at any depth, each once."""
        pending = [path]
        while pending:
            path = pending.pop(0)
            if path not in self._loaded or path in self._below:
                continue
            below = self._below[path] = {}
            loaded = self._loaded[path]
            for run in nested_runs(loaded.playbook):
                nested = self._nested_path(loaded, run)
                if nested is not None:
                    below.setdefault(nested, run)
                    pending.append(nested)
                    self._check_parameters(loaded, run, nested)

    def _nested_path(self, loaded: Loaded, run: NestedRun) -> str | None:
        """Return the path that a step runs, its playbook read; None when that is a problem."""
        path = run.step.parameters.get(NESTING_PARAMETER)
        where = run.at(NESTING_PARAMETER)
        if not isinstance(path, str) or has_reference(path):
            found = "a reference" if has_reference(path) else described(path)
            why = f"{NESTING_PARAMETER}: expected a plain path, found {found}"
            self._problem(loaded, where, why)
            return None
        if path not in self._loaded and path not in self._broken:
            try:
                self._load(path, self._nested_text(path))
            except NotFound as error:
                self._problem(loaded, where, error.message)
                return None
        return path if path in self._loaded else None

    def _nested_text(self, path: str) -> str | bytes:
        if len(self._loaded) + len(self._broken) > MAX_NESTED:
            raise NotFound(f"expected at most {MAX_NESTED} nested playbooks, found more", path=path)
        return self._read(path)

    def _longest_chain(
        self, path: str, above: tuple[str, ...], known: dict[str, tuple[str, ...]]
    ) -> tuple[str, ...]:
        """Return the longest way down from a playbook; a circle on the way is a problem."""
        if path in known:
            return known[path]
        longest: tuple[str, ...] = ()
        for nested, run in self._below[path].items():
            chain = (*above, path, nested)
            if nested in chain[:-1]:
                circle = " -> ".join(chain[chain.index(nested) :])
                message = f"playbooks run each other in a circle: {circle}"
                self._problem(self._loaded[path], run.at(NESTING_PARAMETER), message)
                continue
            down = self._longest_chain(nested, (*above, path), known)
            longest = max(longest, down, key=len)
        known[path] = (path, *longest)
        return known[path]

    def _check_depth(self, chain: tuple[str, ...]) -> None:
        if len(chain) <= MAX_NESTING + 1:
            return
        last, too_deep = chain[MAX_NESTING], chain[MAX_NESTING + 1]
        run = self._below[last][too_deep]
        found = " -> ".join(chain[: MAX_NESTING + 2])
        message = f"playbooks are nested at most {MAX_NESTING} deep, found {found}"
        self._problem(self._loaded[last], run.at(NESTING_PARAMETER), message)

    def _check_parameters(self, loaded: Loaded, run: NestedRun, nested: str) -> None:
        declared = {p.name: p for p in self._loaded[nested].playbook.parameters}
        given = run.parameters
        for name in given:
            if name not in declared:
                message = f"{nested} has no parameter {shown(name)}; it has {listed(declared)}"
                self._problem(loaded, run.at(name), message + nearest(name, declared))
        for parameter in declared.values():
            value = given.get(parameter.name)
            if value is None and parameter.required:
                message = f"{nested} needs the parameter {parameter.name!r}, found none"
                self._problem(loaded, (*run.location, "parameters"), message)
            elif value is not None:
                self._check_value(loaded, run, parameter, value)

    def _check_value(
        self, loaded: Loaded, run: NestedRun, parameter: Parameter, value: object
    ) -> None:
        if has_reference(value):
            return
        try:
            convert(parameter.type, value)
        except WrongValue as error:
            self._problem(loaded, run.at(parameter.name), f"{parameter.name}: {error}")

    def _problem(self, loaded: Loaded, location: Location, message: str) -> None:
        self._problems.append(loaded.line(location, message))
