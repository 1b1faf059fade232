"""House rules for the files around the code."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.meta.repository import REPO, files, place

# Put together here, so that this file does not hold what it looks for.
REGISTRIES = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("maven", "org"),
    ]
]
FOLDERS = ["/" + name for name in ("work", "root", "home", "Users", "opt/pypi", "opt/wheels")]

FORBIDDEN = re.compile(
    "|".join(map(re.escape, REGISTRIES))
    + r"|(?<![\w.*)}\]/-])(?:"
    + "|".join(map(re.escape, FOLDERS))
    + r")(?=/\w|[\s\"'`:,;)]|$)"
)


def test_no_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    named = [
        f"{place(path, number)} {found[0]}"
        for path in files()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if (found := FORBIDDEN.search(line))
    ]
    assert not named, "take these out:\n" + "\n".join(named)


def text_of(path: Path) -> str:
    """Return a file's text, empty for a binary one."""
    data = path.read_bytes()
    return "" if b"\0" in data else data.decode()


@pytest.mark.parametrize("line", [FOLDERS[0] + "/main", f"at {REGISTRIES[0]}/x", f"'{FOLDERS[1]}'"])
def test_the_look_for_such_names_finds_them(line: str) -> None:
    assert FORBIDDEN.search(line)


@pytest.mark.parametrize("line", ["tests" + FOLDERS[0] + "/x", "{a}" + FOLDERS[2], "/workers/1"])
def test_the_look_for_such_names_leaves_others_alone(line: str) -> None:
    assert not FORBIDDEN.search(line)


def test_the_readme_has_exactly_the_two_commands_to_set_up() -> None:
    readme = (REPO / "README.md").read_text("utf-8")
    section = re.search(r"^## Set up$(.*?)^## ", readme, re.DOTALL | re.MULTILINE)
    assert section, "expected a section '## Set up' in README.md"
    blocks = re.findall(r"^```\w*\n(.*?)^```", section[1], re.DOTALL | re.MULTILINE)
    commands = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    assert commands == ["make serve", "make test"]


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.*)$", (REPO / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[:1] == ["Unreleased"]


def test_decision_records_have_numbers_of_their_own_and_are_listed() -> None:
    folder = REPO / "docs" / "adr"
    others = {"README.md", "template.md"}
    records = sorted({path.name for path in folder.glob("*.md")} - others)
    misnamed = [name for name in records if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name)]
    assert not misnamed, f"expected NNNN-title.md, found {misnamed}"
    numbers = [name[:4] for name in records]
    assert len(set(numbers)) == len(numbers), f"two records share a number: {records}"
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert sorted(listed) == records, "docs/adr/README.md lists other records than the folder has"


def test_links_between_our_pages_lead_somewhere() -> None:
    lost = [
        f"{path.relative_to(REPO)}: {target}"
        for path in files()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text("utf-8"))
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert not lost, "links to nothing:\n" + "\n".join(lost)


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt", "pins.txt"])
def test_every_pin_is_exact_and_has_hashes(name: str) -> None:
    for requirement, hashes in pins(name).items():
        assert re.fullmatch(r"[\w.-]+==\S+", requirement), requirement
        assert hashes, f"{requirement} has no hash"


def test_the_pins_of_the_tests_are_those_of_the_server_and_more() -> None:
    assert pins("runtime.txt").items() <= pins("dev.txt").items()


def test_every_dependency_is_pinned() -> None:
    """Fails when pyproject.toml has changed and `make pins` was not run."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    runtime = {*map(name_of, project["project"]["dependencies"]), *map(name_of, groups["build"])}
    assert runtime <= set(map(name_of, pins("runtime.txt")))
    assert set(map(name_of, groups["dev"])) <= set(map(name_of, pins("dev.txt")))


def name_of(requirement: str) -> str:
    """Return the normal form of the name that a requirement begins with."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def pins(name: str) -> dict[str, tuple[str, ...]]:
    """Return the hashes of every pinned requirement in a file, markers left out."""
    text = (REPO / "requirements" / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = {}
    for line in lines:
        requirement = line.split(";")[0].split("--hash")[0].strip()
        found[requirement] = tuple(re.findall(r"--hash=(sha256:[0-9a-f]{64})", line))
    return found
