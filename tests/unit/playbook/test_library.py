"""The library finds playbooks, and nothing leads out of its folders."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ignition_toolkit
from ignition_toolkit.errors import NotFound
from ignition_toolkit.playbook import library as library_module
from ignition_toolkit.playbook.library import Entry, Library, check_path, shipped_folder
from ignition_toolkit.playbook.yaml_nodes import MAX_BYTES


def write(folder: Path, path: str, text: str = "x") -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    write(folder, "gateway/restart.yaml", "shipped restart")
    write(folder, "tests/short.yml", "shipped short")
    write(folder, "README.md")
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    write(folder, "gateway/restart.yaml", "own restart")
    write(folder, "mine.yaml", "mine")
    write(folder, ".hidden.yaml")
    write(folder, ".git/config.yaml")
    return folder


def paths(library: Library) -> list[str]:
    return [entry.path for entry in library.list()]


def test_own_playbooks_shadow_shipped_ones(shipped: Path, own: Path) -> None:
    library = Library([own], shipped)
    assert library.list() == [
        Entry("gateway/restart.yaml", "own", own, shadows=True),
        Entry("mine.yaml", "own", own),
        Entry("tests/short.yml", "shipped", shipped),
    ]
    assert library.read("gateway/restart.yaml") == b"own restart"
    assert library.read("tests/short.yml") == b"shipped short"


def test_a_later_folder_shadows_an_earlier_one(shipped: Path, own: Path, tmp_path: Path) -> None:
    write(tmp_path / "late", "mine.yaml", "late")
    library = Library([own, tmp_path / "late"], shipped)
    assert library.read("mine.yaml") == b"late"
    assert library.folders == [shipped, own, tmp_path / "late"]


def test_a_folder_that_is_not_there_is_empty(shipped: Path, tmp_path: Path) -> None:
    library = Library([tmp_path / "none"], shipped)
    assert paths(library) == ["gateway/restart.yaml", "tests/short.yml"]
    assert paths(Library([], tmp_path / "none")) == []


def test_an_unknown_playbook_names_the_nearest(shipped: Path) -> None:
    with pytest.raises(NotFound) as caught:
        Library([], shipped).read("gateway/restrat.yaml")
    assert caught.value.message == (
        "there is no playbook 'gateway/restrat.yaml' in the library;"
        " did you mean 'gateway/restart.yaml'?"
    )


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/x.yaml", "found an absolute one"),
        ("../x.yaml", "expected plain names between the slashes"),
        ("a/../../x.yaml", "expected plain names between the slashes"),
        ("a/./x.yaml", "expected plain names between the slashes"),
        ("a//x.yaml", "expected plain names between the slashes"),
        ("", "expected plain names between the slashes"),
        ("a\\x.yaml", "expected forward slashes, found a backslash"),
        ("a\0.yaml", "expected no control characters"),
        ("a\n.yaml", "expected no control characters"),
        ("a\ud800.yaml", "expected no control characters"),
        ("passwd", "expected a name that ends in .yaml or .yml"),
        ("a.yaml/", "expected plain names between the slashes"),
        ("a" * 500 + ".yaml", "expected at most 500 characters, found 505"),
    ],
)
def test_a_path_that_could_lead_out_is_refused(shipped: Path, path: str, why: str) -> None:
    with pytest.raises(NotFound) as caught:
        Library([], shipped).read(path)
    assert why in caught.value.message
    assert len(caught.value.message.splitlines()) == 1


def test_a_name_that_no_file_system_takes_is_not_found(shipped: Path) -> None:
    with pytest.raises(NotFound):
        Library([], shipped).read("a" * 300 + ".yaml")


@given(st.text(max_size=30) | st.text("./\\a\0", max_size=12).map(lambda t: t + ".yaml"))
def test_no_path_raises_anything_but_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        Library([], Path("/nonexistent")).read(path)
    if check_path(path) is None:
        assert not os.path.isabs(path)
        assert ".." not in path.split("/")


def test_links_that_stay_inside_are_followed(shipped: Path) -> None:
    (shipped / "alias.yaml").symlink_to("gateway/restart.yaml")
    (shipped / "also").symlink_to("gateway")
    library = Library([], shipped)
    assert library.read("alias.yaml") == b"shipped restart"
    assert library.read("also/restart.yaml") == b"shipped restart"
    assert "alias.yaml" in paths(library)


@pytest.mark.parametrize("target", ["file", "folder", "absolute"])
def test_links_that_lead_out_are_refused_and_not_listed(
    shipped: Path, tmp_path: Path, target: str
) -> None:
    outside = write(tmp_path / "outside", "secret.yaml", "secret")
    path = "link.yaml"
    if target == "file":
        (shipped / path).symlink_to("../outside/secret.yaml")
    elif target == "absolute":
        (shipped / path).symlink_to(outside)
    else:
        (shipped / "linked").symlink_to(tmp_path / "outside")
        path = "linked/secret.yaml"
    library = Library([], shipped)
    with pytest.raises(NotFound, match="leads out of"):
        library.read(path)
    assert path not in paths(library)


def test_a_link_into_a_sibling_whose_name_begins_alike_leads_out(
    shipped: Path, tmp_path: Path
) -> None:
    write(tmp_path / "shipped-other", "x.yaml")
    (shipped / "x.yaml").symlink_to(tmp_path / "shipped-other" / "x.yaml")
    with pytest.raises(NotFound, match="leads out of"):
        Library([], shipped).read("x.yaml")


def test_a_refused_own_file_does_not_fall_back_to_the_shipped_one(
    shipped: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own2"
    (own / "gateway").mkdir(parents=True)
    (own / "gateway" / "restart.yaml").symlink_to("/etc/hostname")
    library = Library([own], shipped)
    with pytest.raises(NotFound, match="leads out of"):
        library.read("gateway/restart.yaml")
    assert "gateway/restart.yaml" not in paths(library)


def test_a_library_folder_that_is_itself_a_link_works(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(shipped)
    library = Library([], tmp_path / "linked")
    assert library.read("tests/short.yml") == b"shipped short"
    assert "tests/short.yml" in paths(library)


def test_a_file_replaced_by_a_link_after_the_check_is_refused(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = write(tmp_path, "secret.yaml", "secret")
    file = shipped / "gateway" / "restart.yaml"
    true_open = os.open

    def swap_then_open(path: str | Path, flags: int) -> int:
        file.unlink()
        file.symlink_to(outside)
        return true_open(path, flags)

    monkeypatch.setattr(os, "open", swap_then_open)
    with pytest.raises(NotFound, match="leads out of"):
        Library([], shipped).read("gateway/restart.yaml")


def test_a_file_removed_after_the_check_is_not_found(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_open = os.open

    def remove_then_open(path: str | Path, flags: int) -> int:
        os.unlink(path)
        return true_open(path, flags)

    monkeypatch.setattr(os, "open", remove_then_open)
    with pytest.raises(NotFound, match="cannot be read: No such file"):
        Library([], shipped).read("gateway/restart.yaml")


def test_a_loop_of_links_ends(shipped: Path) -> None:
    (shipped / "loop").symlink_to(".")
    (shipped / "a.yaml").symlink_to("b.yaml")
    (shipped / "b.yaml").symlink_to("a.yaml")
    library = Library([], shipped)
    assert paths(library) == ["gateway/restart.yaml", "tests/short.yml"]
    with pytest.raises(NotFound):
        library.read("a.yaml")


def test_a_pipe_or_a_folder_with_the_name_of_a_playbook_does_not_hang(shipped: Path) -> None:
    os.mkfifo(shipped / "pipe.yaml")
    (shipped / "folder.yaml").mkdir()
    library = Library([], shipped)
    for path in ("pipe.yaml", "folder.yaml"):
        with pytest.raises(NotFound):
            library.read(path)
        assert path not in paths(library)


def test_a_file_that_may_not_be_read_says_so(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str | Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NotFound, match="cannot be read: Permission denied"):
        Library([], shipped).read("gateway/restart.yaml")


def test_no_more_than_a_playbook_may_have_is_read(shipped: Path) -> None:
    write(shipped, "big.yaml", "a" * (3 * MAX_BYTES))
    assert len(Library([], shipped).read("big.yaml")) == MAX_BYTES + 1


def test_a_deep_or_wide_folder_is_bounded(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(shipped, "/".join("d" * 20) + "/deep.yaml")
    assert "d/d/d" not in "".join(paths(Library([], shipped)))
    monkeypatch.setattr(library_module, "MAX_FILES", 10)
    for number in range(50):
        write(shipped, f"many{number}.yaml")
    assert len(paths(Library([], shipped))) < 55


def test_a_checkout_ships_its_playbooks_folder() -> None:
    folder = shipped_folder()
    assert folder is not None
    assert folder.name in ("playbooks", "_playbooks")


def test_a_wheel_ships_the_folder_inside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "ignition_toolkit"
    write(package, "_playbooks/a.yaml")
    init = write(package, "__init__.py")
    monkeypatch.setattr(ignition_toolkit, "__file__", str(init))
    assert shipped_folder() == package / "_playbooks"
    assert paths(Library()) == ["a.yaml"]
    (package / "_playbooks" / "a.yaml").unlink()
    (package / "_playbooks").rmdir()
    assert shipped_folder() is None
    assert paths(Library()) == []
