"""Step kinds: found by their module, described, checked, and named when they are broken."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from ignition_toolkit.errors import HandlerBroken
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.models import Playbook, Program, Step
from ignition_toolkit.playbook.step_handler import StepHandler
from ignition_toolkit.runner import kinds
from ignition_toolkit.runner.kinds import Kinds, check_program, describe, handlers_of
from tests.unit.runner.broken_kinds import Base, Derived, Fine, Other, install


@pytest.fixture(autouse=True)
def no_module_stays() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("acme"):
            del sys.modules[name]


# Finding


def test_the_kinds_of_a_module_are_its_handlers_with_a_type_of_their_own() -> None:
    module = install("acme_a", Fine=Fine, Other=Other, Base=Base, Derived=Derived, number=7)
    assert set(handlers_of(module)) == {"acme.fine", "acme.other"}


def test_handlers_that_a_module_imports_are_not_its_own() -> None:
    module = install("acme_a", Fine=Fine)
    sys.modules[module].Other = Other  # type: ignore[attr-defined]
    assert set(handlers_of(module)) == {"acme.fine"}


def test_a_package_may_gather_the_kinds_of_its_modules() -> None:
    install("acme_a.steps", Fine=Fine)
    install("acme_a")
    sys.modules["acme_a"].Fine = sys.modules["acme_a.steps"].Fine  # type: ignore[attr-defined]
    assert set(handlers_of("acme_a")) == {"acme.fine"}


def test_one_class_under_two_names_is_one_kind() -> None:
    module = install("acme_a", Fine=Fine)
    sys.modules[module].Again = sys.modules[module].Fine  # type: ignore[attr-defined]
    assert set(handlers_of(module)) == {"acme.fine"}


def test_two_classes_of_one_kind_in_a_module_are_named() -> None:
    class Twin(Fine):
        type = "acme.fine"

    module = install("acme_a", Fine=Fine, Twin=Twin)
    with pytest.raises(HandlerBroken, match=r"'acme.fine' is declared by both .*Fine and .*Twin"):
        handlers_of(module)


def test_a_module_that_cannot_be_imported_says_why() -> None:
    with pytest.raises(HandlerBroken, match="module acme_none cannot be imported: ModuleNotFound"):
        handlers_of("acme_none")


@pytest.mark.parametrize("error", ["RuntimeError('no license')", "SystemExit(3)", "1 / 0"])
def test_whatever_a_module_raises_on_import_is_told(
    error: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_raises.py").write_text(f"raise {error}\n" if "(" in error else f"{error}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(HandlerBroken, match="module acme_raises cannot be imported: "):
        handlers_of("acme_raises")


def test_a_module_is_imported_when_its_first_kind_is_asked_for(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    known = Kinds({"acme.fine": "acme_later"})
    with pytest.raises(HandlerBroken):
        known.handler("acme.fine")
    install("acme_later", Fine=Fine)
    assert known.handler("acme.fine") is known.handler("acme.fine")


def test_a_kind_that_is_not_installed_is_named() -> None:
    with pytest.raises(HandlerBroken, match=r"step kind 'acme.x' is not installed; `itk steps`"):
        Kinds({}).handler("acme.x")


def test_a_kind_that_its_module_no_longer_has_is_named() -> None:
    module = install("acme_a", Fine=Fine)
    with pytest.raises(HandlerBroken, match=r"module acme_a no longer declares step kind 'acme.x'"):
        Kinds({"acme.x": module}).handler("acme.x")


# Describing


class Installed:
    """What the entry points say is installed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._modules: list[str] = []
        monkeypatch.setattr(kinds, "entry_points", self._entries)

    def add(self, name: str, **names: object) -> None:
        self._modules.append(install(name, **names))

    def mention(self, name: str) -> None:
        self._modules.append(name)

    def _entries(self, group: str) -> list[EntryPoint]:
        return [EntryPoint(name, name, group) for name in self._modules]

    def catalog(self) -> Catalog:
        return Catalog.from_json(describe().to_json())


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    return Installed(monkeypatch)


def test_the_catalog_says_what_a_kind_says_of_itself(installed: Installed) -> None:
    installed.add("acme_a", Fine=Fine)
    kind = installed.catalog().kinds["acme.fine"]
    assert (kind.summary, kind.effect, kind.module, kind.leaves) == (
        "Works",
        "writes",
        "acme_a",
        "",
    )
    assert kind.required == ("line",)
    assert kind.properties["timeout"]["default"] == 30.0
    assert kind.extra_parameters is False


def test_our_own_kinds_are_described() -> None:
    catalog = describe()
    assert {"utility.sleep", "utility.log", "utility.set_variable", "utility.python"} <= set(
        catalog.kinds
    )
    assert catalog.kinds["playbook.run"].extra_parameters is True
    assert [b for b in catalog.broken if b.module.startswith("ignition_toolkit")] == []


class OddEffect(Fine):
    type = "acme.odd"
    effect = "explodes"  # type: ignore[assignment]


class PlainEffect(Fine):
    type = "acme.plain"
    effect = "reads"  # type: ignore[assignment]


class NoExecute(StepHandler):
    type = "acme.no_execute"


class NoModel(Fine):
    type = "acme.no_model"
    Params = dict  # type: ignore[assignment]


class NoSchema(Fine):
    type = "acme.no_schema"

    class Params(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        lock: type(object())  # type: ignore[valid-type]
        call: Iterator[Any] | object = None

        @classmethod
        def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
            raise NotImplementedError("no schema for a lock")


def test_an_effect_may_be_written_as_its_word(installed: Installed) -> None:
    installed.add("acme_a", PlainEffect=PlainEffect)
    assert installed.catalog().kinds["acme.plain"].effect == "reads"


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (OddEffect, "'explodes' is not a valid Effect"),
        (NoExecute, "step kind 'acme.no_execute' has no `async def execute(self, params)`"),
        (NoModel, "dict"),
        (NoSchema, "no schema for a lock"),
        (Base, "module acme_b declares no step kind"),
    ],
)
def test_a_broken_module_is_named_and_spoils_no_other(
    installed: Installed, broken: type, why: str
) -> None:
    installed.add("acme_a", Fine=Fine)
    installed.add("acme_b", Broken=broken)
    installed.mention("acme_none")
    catalog = installed.catalog()
    assert set(catalog.kinds) == {"acme.fine"}
    errors = {b.module: b.error for b in catalog.broken}
    assert why in errors["acme_b"]
    assert "cannot be imported" in errors["acme_none"]
    assert all("\n" not in error for error in errors.values())


def test_a_kind_that_two_packages_declare_is_named(installed: Installed) -> None:
    installed.add("acme_a", Fine=Fine)
    installed.add("acme_b", Fine=Fine, Other=Other)
    catalog = installed.catalog()
    assert catalog.kinds["acme.fine"].module == "acme_a"
    (broken,) = catalog.broken
    assert broken.module == "acme_b"
    assert "step kind 'acme.fine' is declared by" in broken.error
    assert "acme_a" in broken.error


# Checking


def checked(*steps: Step, modules: dict[str, str], **fields: Any) -> list[tuple[Any, str]]:
    program = Program(main=Playbook(name="m", path="m.yaml", steps=steps, **fields))
    return [(p.location, p.message) for p in check_program(program, modules)]


def fine(**parameters: Any) -> Step:
    return Step(id="a", name="A", type="acme.fine", parameters=parameters)


@pytest.fixture
def modules() -> dict[str, str]:
    return {"acme.fine": install("acme_a", Fine=Fine)}


@pytest.mark.parametrize(
    "parameters",
    [
        {"line": "L1"},
        {"line": "L1", "timeout": "5"},
        {"line": "{{ parameter.line }}", "timeout": "{{ step.a.seconds }}"},
        {"line": "{{ credential.gw.password }}"},
    ],
)
def test_values_that_fit_and_references_pass(
    parameters: dict[str, Any], modules: dict[str, str]
) -> None:
    assert checked(fine(**parameters), modules=modules) == []


@pytest.mark.parametrize(
    ("parameters", "place", "text"),
    [
        ({}, "line", "field required"),
        ({"line": 7}, "line", "input should be a valid string, found 7"),
        ({"line": "L1", "timeout": "soon"}, "timeout", "found 'soon'"),
        ({"line": "L1", "timeot": 1}, "timeot", "unknown parameter; did you mean 'timeout'?"),
        (
            {"line": "L1", "zzz": "{{ parameter.x }}"},
            "zzz",
            "unknown parameter; known: line, ",
        ),
        ({"line": ["{{ parameter.x }}"], "timeout": []}, "timeout", "found list"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(
    parameters: dict[str, Any], place: str, text: str, modules: dict[str, str]
) -> None:
    ((location, message),) = checked(fine(**parameters), modules=modules)
    assert location == ("steps", 0, "parameters", place)
    assert text in message


def test_every_section_of_every_playbook_is_checked(modules: dict[str, str]) -> None:
    nested = Playbook(name="n", path="n.yaml", steps=(fine(line="x"), fine()), on_cancel=(fine(),))
    main = Playbook(name="m", path="m.yaml", steps=(fine(),))
    found = check_program(Program(main=main, nested={"n.yaml": nested}), modules)
    assert [(p.path, p.location[:2]) for p in found] == [
        ("m.yaml", ("steps", 0)),
        ("n.yaml", ("steps", 1)),
        ("n.yaml", ("on_cancel", 0)),
    ]


def test_a_kind_that_cannot_be_imported_is_a_problem_of_its_step() -> None:
    ((location, message),) = checked(fine(line="x"), modules={"acme.fine": "acme_none"})
    assert location == ("steps", 0, "type")
    assert "cannot be imported" in message


def test_a_model_that_raises_is_a_problem_of_its_step_and_of_no_other(
    modules: dict[str, str],
) -> None:
    class Bomb(Fine):
        type = "acme.bomb"

        class Params(BaseModel):
            @field_validator("x", check_fields=False)
            @classmethod
            def boom(cls, value: str) -> str:
                raise RuntimeError("no license")

            x: str = ""

    modules["acme.bomb"] = install("acme_b", Bomb=Bomb)
    bomb = Step(id="b", name="B", type="acme.bomb", parameters={"x": "y"})
    found = checked(bomb, fine(), modules=modules)
    assert found[0][0] == ("steps", 0, "parameters")
    assert (
        "the parameters of acme.bomb cannot be checked: RuntimeError('no license')" in found[0][1]
    )
    assert found[1][0] == ("steps", 1, "parameters", "line")
