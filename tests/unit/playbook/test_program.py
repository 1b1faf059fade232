"""A program: nested playbooks are loaded, and checked against the steps that run them."""

from pathlib import Path

import pytest

from ignition_toolkit.errors import NotFound, PlaybookInvalid
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.program import (
    LoadedProgram,
    load_program,
    nested_runs,
    program_from_texts,
)
from tests.unit.playbook.kinds import CATALOG

LEAF = "name: leaf\nsteps:\n- {id: a, type: gateway.ping}\n"


def runs(*paths: str, parameters: str = "") -> str:
    """A playbook whose steps, from line 3 on, run the paths."""
    extra = f", {parameters}" if parameters else ""
    steps = [
        f"- {{id: s{i}, type: playbook.run, parameters: {{playbook: {path}{extra}}}}}"
        for i, path in enumerate(paths)
    ]
    return "\n".join(["name: x", "steps:", *steps]) + "\n"


def linked(texts: dict[str, str], main: str = "main.yaml") -> LoadedProgram:
    return program_from_texts(main, texts, CATALOG)


def problems(texts: dict[str, str], main: str = "main.yaml") -> list[str]:
    with pytest.raises(PlaybookInvalid) as caught:
        linked(texts, main)
    return caught.value.problems


def test_nested_playbooks_come_from_the_library(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "main.yaml").write_text(runs("gateway/leaf.yaml", "gateway/leaf.yaml"))
    (tmp_path / "gateway" / "leaf.yaml").write_text(LEAF)
    found = load_program("main.yaml", Library([], tmp_path), CATALOG)
    assert found.program.main.path == "main.yaml"
    assert list(found.program.nested) == ["gateway/leaf.yaml"]
    assert list(found.texts) == ["main.yaml", "gateway/leaf.yaml"]
    assert set(found.loaded) == set(found.texts)
    again = program_from_texts("main.yaml", found.texts, CATALOG)
    assert again.program == found.program


def test_a_text_outside_the_library_finds_nested_ones_in_it(tmp_path: Path) -> None:
    (tmp_path / "leaf.yaml").write_text(LEAF)
    library = Library([], tmp_path)
    found = load_program("draft.yaml", library, CATALOG, text=runs("leaf.yaml").encode())
    assert found.program.main.path == "draft.yaml"
    assert found.texts["draft.yaml"] == runs("leaf.yaml")
    with pytest.raises(NotFound):
        load_program("draft.yaml", library, CATALOG)


def test_the_snapshot_must_hold_every_playbook() -> None:
    with pytest.raises(NotFound, match="the stored snapshot holds no playbook"):
        linked({})
    assert problems({"main.yaml": runs("gone.yaml")}) == [
        "main.yaml:3:55: the stored snapshot holds no playbook 'gone.yaml'"
    ]


def test_a_missing_nested_playbook_is_placed_and_the_nearest_named(tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_text(runs("leef.yaml", "../x.yaml"))
    (tmp_path / "leaf.yaml").write_text(LEAF)
    with pytest.raises(PlaybookInvalid) as caught:
        load_program("main.yaml", Library([], tmp_path), CATALOG)
    assert caught.value.problems == [
        (
            "main.yaml:3:55: there is no playbook 'leef.yaml' in the library;"
            " did you mean 'leaf.yaml'?"
        ),
        (
            "main.yaml:4:55: no playbook has the path '../x.yaml': expected plain names between the"
            " slashes, found an empty one, . or .."
        ),
    ]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("'{{ parameter.p }}'", "a reference"),
        ("'a/{{ variable.p }}.yaml'", "a reference"),
        ("5", "the number 5"),
        ("[a.yaml]", "a list"),
    ],
)
def test_the_path_of_a_nested_playbook_is_plain_text(path: str, found: str) -> None:
    text = runs(path) + "parameters: [{name: p}]\n"
    assert problems({"main.yaml": text}) == [
        f"main.yaml:3:55: playbook: expected a plain path, found {found}"
    ]


def chain(length: int) -> dict[str, str]:
    texts = {f"{i}.yaml": runs(f"{i + 1}.yaml") for i in range(length)}
    return {**texts, f"{length}.yaml": LEAF}


def test_three_levels_below_the_main_playbook_are_allowed() -> None:
    assert len(linked(chain(3), "0.yaml").program.nested) == 3


def test_a_fourth_level_is_refused_where_it_is_entered() -> None:
    assert problems(chain(4), "0.yaml") == [
        (
            "3.yaml:3:55: playbooks are nested at most 3 deep,"
            " found 0.yaml -> 1.yaml -> 2.yaml -> 3.yaml -> 4.yaml"
        )
    ]


def test_the_longest_way_down_counts() -> None:
    texts = chain(4)
    texts["0.yaml"] = runs("3.yaml", "1.yaml")
    assert "found 0.yaml -> 1.yaml -> 2.yaml -> 3.yaml -> 4.yaml" in problems(texts, "0.yaml")[0]


def test_a_circle_is_named() -> None:
    texts = {"main.yaml": runs("a.yaml"), "a.yaml": runs("b.yaml"), "b.yaml": runs("a.yaml")}
    assert problems(texts) == [
        "b.yaml:3:55: playbooks run each other in a circle: a.yaml -> b.yaml -> a.yaml"
    ]
    assert problems({"main.yaml": runs("main.yaml")}) == [
        "main.yaml:3:55: playbooks run each other in a circle: main.yaml -> main.yaml"
    ]


def test_a_circle_through_on_cancel_is_one_too() -> None:
    text = LEAF + "on_cancel:\n- {id: b, type: playbook.run, parameters: {playbook: main.yaml}}\n"
    assert "in a circle: main.yaml -> main.yaml" in problems({"main.yaml": text})[0]


def test_many_ways_to_one_playbook_are_looked_at_once() -> None:
    names = [f"{layer}{i}.yaml" for layer in "abc" for i in range(20)]
    texts = {"main.yaml": runs(*names[:20])}
    for layer in range(3):
        below = names[(layer + 1) * 20 : (layer + 2) * 20]
        for name in names[layer * 20 : (layer + 1) * 20]:
            texts[name] = runs(*below) if below else LEAF
    assert len(linked(texts).program.nested) == 60


def test_the_number_of_nested_playbooks_is_bounded() -> None:
    texts = {"main.yaml": runs(*(f"{i}.yaml" for i in range(150)))}
    texts.update({f"{i}.yaml": LEAF for i in range(150)})
    assert "expected at most 100 nested playbooks, found more" in problems(texts)[0]


def test_problems_of_nested_playbooks_carry_their_path_and_come_once() -> None:
    texts = {
        "main.yaml": runs("a.yaml", "b.yaml", "a.yaml"),
        "a.yaml": "name: a\nsteps: []\n",
        "b.yaml": LEAF + "foo: 1\n",
    }
    found = problems(texts)
    assert [line.split(": ")[0] for line in found] == ["a.yaml:2:8", "b.yaml:4:1"]


def test_a_main_playbook_that_does_not_load_is_all_that_is_said() -> None:
    assert problems({"main.yaml": "name: x\nsteps: []\n"}) == [
        "main.yaml:2:8: the playbook needs steps: expected at least one, found none"
    ]


def test_warnings_of_every_file_are_gathered() -> None:
    texts = {"main.yaml": runs("a.yaml") + "verified: no\n", "a.yaml": LEAF + "verified: no\n"}
    assert [w.split(": ")[0] for w in linked(texts).warnings] == ["main.yaml:4:11", "a.yaml:4:11"]


NESTED = LEAF + (
    "parameters:\n- {name: host}\n- {name: port, type: integer, default: 8088}\n"
    "- {name: login, type: credential, required: false}\n"
)


@pytest.mark.parametrize(
    "parameters",
    [
        "host: a",
        "host: '{{ parameter.p }}', port: '{{ parameter.p }}'",
        "host: a, port: '8089', login: gw",
        "host: 'a {{ variable.x }}', login: '{{ credential.gw }}'",
    ],
)
def test_parameters_that_the_nested_playbook_takes(parameters: str) -> None:
    main = runs("a.yaml", parameters=parameters) + "parameters: [{name: p}]\n"
    (run,) = nested_runs(linked({"main.yaml": main, "a.yaml": NESTED}).program.main)
    assert "playbook" not in run.parameters
    assert run.parameters["host"]


@pytest.mark.parametrize(
    ("parameters", "lines"),
    [
        ("", ["main.yaml:3:44: a.yaml needs the parameter 'host', found none"]),
        ("host: ~", ["main.yaml:3:44: a.yaml needs the parameter 'host', found none"]),
        (
            "hots: a, port: x",
            [
                (
                    "main.yaml:3:69: a.yaml has no parameter 'hots'; it has host, port, login;"
                    " did you mean 'host'?"
                ),
                "main.yaml:3:44: a.yaml needs the parameter 'host', found none",
                "main.yaml:3:78: port: expected a whole number, found the text 'x'",
            ],
        ),
        ("host: 5", ["main.yaml:3:69: host: expected text, found the number 5"]),
    ],
)
def test_parameters_that_it_does_not_take(parameters: str, lines: list[str]) -> None:
    assert problems({"main.yaml": runs("a.yaml", parameters=parameters), "a.yaml": NESTED}) == lines
