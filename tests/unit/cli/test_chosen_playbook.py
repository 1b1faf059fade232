"""A name on the command line is a path in the library first, and a file when it is none."""

import os
from pathlib import Path

import pytest

from ignition_toolkit.cli.chosen_playbook import (
    ChosenPlaybook,
    choose,
    choose_for_server,
    file_instead,
)
from ignition_toolkit.errors import NotFound, OperatorError
from ignition_toolkit.playbook.library import Library

TEXT = "name: x\nsteps: []\n"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder where the person is, with a file that the library does not have."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here/own.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of the library."""
    (tmp_path / "shelf/gateway").mkdir(parents=True)
    (tmp_path / "shelf/gateway/restart.yaml").write_text(TEXT)
    return tmp_path / "shelf"


@pytest.fixture
def library(shelf: Path, tmp_path: Path) -> Library:
    """A library of that one folder."""
    return Library([shelf], shipped=tmp_path / "none")


def test_a_library_path_is_taken_from_the_library(here: Path, library: Library) -> None:
    assert choose("gateway/restart.yaml", library) == ChosenPlaybook("gateway/restart.yaml")


def test_a_file_is_sent_as_text_under_its_own_path(here: Path, library: Library) -> None:
    assert choose("own.yaml", library) == ChosenPlaybook("own.yaml", TEXT)
    whole = str(here / "own.yaml")
    assert choose(whole, library) == ChosenPlaybook(whole, TEXT)


def test_the_library_comes_first_unless_the_path_can_only_be_a_file(
    here: Path, library: Library
) -> None:
    (here / "gateway").mkdir()
    (here / "gateway/restart.yaml").write_text("another")
    assert choose("gateway/restart.yaml", library).text is None
    assert choose("./gateway/restart.yaml", library).text == "another"


def test_a_file_of_the_library_counts_as_the_librarys(
    here: Path, shelf: Path, library: Library
) -> None:
    by_file = choose(str(shelf / "gateway/restart.yaml"), library)
    assert by_file == ChosenPlaybook("gateway/restart.yaml")
    assert choose("../shelf/gateway/restart.yaml", library) == by_file


def test_a_file_that_another_one_shadows_is_sent_as_text(
    here: Path, shelf: Path, tmp_path: Path
) -> None:
    (tmp_path / "later/gateway").mkdir(parents=True)
    (tmp_path / "later/gateway/restart.yaml").write_text("shadows it")
    library = Library([shelf, tmp_path / "later"], shipped=tmp_path / "none")
    chosen = choose("../shelf/gateway/restart.yaml", library)
    assert chosen == ChosenPlaybook("../shelf/gateway/restart.yaml", TEXT)


def test_a_slip_is_answered_with_the_nearest_path(here: Path, library: Library) -> None:
    with pytest.raises(NotFound) as seen:
        choose("gateway/restrat.yaml", library)
    assert seen.value.message == (
        "there is no playbook 'gateway/restrat.yaml' in the library, and no file of that name; "
        "did you mean 'gateway/restart.yaml'?"
    )
    with pytest.raises(NotFound, match=r"did you mean 'gateway/restart.yaml'\?"):
        choose("gateway/restart", library)


def test_a_link_out_of_the_library_is_refused_for_what_it_is(
    here: Path, shelf: Path, library: Library
) -> None:
    (shelf / "out.yaml").symlink_to(here / "own.yaml")
    with pytest.raises(NotFound, match="a link that leads out of"):
        choose("out.yaml", library)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./gone.yaml", r"gone.yaml: no such file"),
        ("../here", r"^\.\./here: is no file"),
        ("./binary.yaml", r"expected text in UTF-8"),
        ("./big.yaml", r"expected at most 1024 KiB, found more"),
        ("./pipe.yaml", r"is no file"),
        ("~nobody-of-this-name/x.yaml", r"no such"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(
    name: str, message: str, here: Path, library: Library
) -> None:
    (here / "binary.yaml").write_bytes(b"\xff\xfe")
    (here / "big.yaml").write_bytes(b"#" * (1024 * 1024 + 1))
    os.mkfifo(here / "pipe.yaml")
    with pytest.raises((OperatorError, NotFound), match=message):
        choose(name, library)


def test_a_byte_order_mark_is_no_part_of_a_playbook(here: Path, library: Library) -> None:
    (here / "marked.yaml").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert choose("./marked.yaml", library).text == TEXT


def test_a_server_is_asked_for_a_path_unless_it_can_only_be_a_file(here: Path) -> None:
    assert choose_for_server("own.yaml") == ChosenPlaybook("own.yaml")
    assert choose_for_server("./own.yaml") == ChosenPlaybook("./own.yaml", TEXT)
    assert file_instead("own.yaml") == ChosenPlaybook("own.yaml", TEXT)
    assert file_instead("gone.yaml") is None
