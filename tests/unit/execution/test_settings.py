"""Settings come from options, then the environment, then defaults, and bad ones are refused."""

import os
from pathlib import Path

import pytest

from ignition_toolkit.credentials import Secret
from ignition_toolkit.errors import OperatorError
from ignition_toolkit.execution.settings import Settings, default_data_dir

NUMBERS = ("ITK_MAX_RUNNING", "ITK_KEEP_DAYS")
STORED = ("ITK_VAULT_KEY_FILE", "IGNITION_GATEWAY_URL", "IGNITION_API_TOKEN")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away what the machine's own environment says."""
    for name in ("ITK_DATA_DIR", "ITK_PLAYBOOKS", *NUMBERS, *STORED, "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def test_an_option_beats_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ITK_DATA_DIR", str(tmp_path / "variable"))
    assert Settings.from_environment(tmp_path / "option").data_dir == tmp_path / "option"
    assert Settings.from_environment().data_dir == tmp_path / "variable"


def test_without_any_word_the_data_folder_is_the_users_own(tmp_path: Path) -> None:
    assert default_data_dir() == tmp_path / "home/.local/share/ignition-toolkit"


def test_the_data_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert default_data_dir() == tmp_path / "xdg/ignition-toolkit"


def test_a_relative_xdg_folder_is_ignored_as_its_specification_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "somewhere")
    assert default_data_dir() == tmp_path / "home/.local/share/ignition-toolkit"


def test_an_empty_variable_is_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    without = Settings.from_environment()
    for name in ("ITK_DATA_DIR", "ITK_PLAYBOOKS", *NUMBERS, *STORED):
        monkeypatch.setenv(name, "")
    assert Settings.from_environment() == without


def test_paths_are_absolute_and_home_is_understood(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment(Path("here")).data_dir == tmp_path / "here"
    assert Settings.from_environment(Path("~/there")).data_dir == tmp_path / "home/there"


def test_playbook_folders_come_in_order_from_options_or_else_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    monkeypatch.setenv("ITK_PLAYBOOKS", f"{two}{os.pathsep}{os.pathsep}{one}")
    assert Settings.from_environment().playbook_dirs == (two, one)
    assert Settings.from_environment(playbooks=[one]).playbook_dirs == (one,)


@pytest.mark.parametrize("text", ["0", "-1", "four", "1.5", "1001", "1_0", "٣", " 4"])
def test_a_number_of_executions_that_is_none_is_refused_by_name(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITK_MAX_RUNNING", text)
    with pytest.raises(OperatorError, match=r"ITK_MAX_RUNNING is .* whole number from 1 to 1000"):
        Settings.from_environment()


def test_the_number_of_executions_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_environment().max_running == 4
    monkeypatch.setenv("ITK_MAX_RUNNING", "12")
    assert Settings.from_environment().max_running == 12


def test_a_playbook_folder_that_is_missing_is_refused_with_its_origin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(OperatorError, match=r"^--playbooks: .*/gone does not exist"):
        Settings.from_environment(playbooks=[gone])
    gone.write_text("a file")
    monkeypatch.setenv("ITK_PLAYBOOKS", str(gone))
    with pytest.raises(OperatorError, match=r"^ITK_PLAYBOOKS: .*/gone is not a folder"):
        Settings.from_environment()


def test_a_user_that_does_not_exist_is_refused() -> None:
    with pytest.raises(OperatorError, match="no such user's home folder"):
        Settings.from_environment(Path("~nobody-of-this-name/data"))


def test_a_sqlite_file_elsewhere_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITK_DATABASE_URL", "sqlite:////srv/itk.db")
    assert Settings.from_environment(Path("/srv")).database_url == "sqlite:////srv/itk.db"


def test_another_database_is_refused_without_showing_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ITK_DATABASE_URL", "postgresql://itk:secret@db/itk")
    with pytest.raises(OperatorError, match="SQLite only, found 'postgresql'") as refused:
        Settings.from_environment(Path("/srv"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("text", "days"), [("", 30), ("0", 0), ("1", 1), ("36500", 36500)])
def test_executions_are_kept_for_so_many_days(
    monkeypatch: pytest.MonkeyPatch, text: str, days: int
) -> None:
    monkeypatch.setenv("ITK_KEEP_DAYS", text)
    assert Settings.from_environment().keep_days == days


@pytest.mark.parametrize("text", ["-1", "1.5", "ever", "36501", "9" * 5000, "\u0663"])
def test_what_is_no_number_of_days_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ITK_KEEP_DAYS", text)
    with pytest.raises(OperatorError, match=r"ITK_KEEP_DAYS is .*a whole number from 0 to 36500"):
        Settings.from_environment()


def test_the_default_gateway_and_its_token_are_taken_and_the_token_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IGNITION_GATEWAY_URL", " http://plant:8088 ")
    monkeypatch.setenv("IGNITION_API_TOKEN", "itk:0123456789")
    monkeypatch.setenv("ITK_VAULT_KEY_FILE", "~/key")
    found = Settings.from_environment()
    assert found.gateway_url == "http://plant:8088"
    assert found.api_token == Secret("itk:0123456789")
    assert found.vault_key_file == Path.home() / "key"
    assert "0123456789" not in repr(found)


@pytest.mark.parametrize("text", ["abc", "tök:en-with-ä", "itk:two\nlines"])
def test_what_is_no_token_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("IGNITION_API_TOKEN", text)
    with pytest.raises(OperatorError, match="IGNITION_API_TOKEN cannot be used") as refused:
        Settings.from_environment()
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["plant", "ftp://plant", "http://", "http://a:b", "http://u:pw1@a"]
)
def test_a_default_gateway_that_is_no_address_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("IGNITION_GATEWAY_URL", text)
    with pytest.raises(OperatorError, match="IGNITION_GATEWAY_URL: expected the address") as caught:
        Settings.from_environment()
    assert "pw1" not in str(caught.value)
