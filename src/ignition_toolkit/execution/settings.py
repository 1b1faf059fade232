"""What a server or a run is told from outside: folders and limits, from options and environment.

An option beats its environment variable, which beats the default.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from ignition_toolkit.credentials import MIN_SECRET_LENGTH, Secret
from ignition_toolkit.credentials.vault_key import VARIABLE as VAULT_KEY_VARIABLE
from ignition_toolkit.errors import OperatorError

APP_FOLDER = "ignition-toolkit"
GATEWAY_VARIABLE = "IGNITION_GATEWAY_URL"
API_TOKEN_VARIABLE = "IGNITION_API_TOKEN"  # noqa: S105 - the name of a variable
DEFAULT_MAX_RUNNING = 4
DEFAULT_WARM_RUNNERS = 2
DEFAULT_KEEP_DAYS = 30

#: A runner takes about 40 MiB; more at once than this is a slip of the keyboard.
MAX_RUNNING_LIMIT = 1000
MAX_DAYS = 36_500


@dataclass(frozen=True)
class Settings:
    """Folders and limits of one worker.

    Args:
        data_dir: absolute path of the data folder; it need not exist yet.
        playbook_dirs: absolute paths of further library folders, each an existing folder.
        max_running: executions at once, 1 to MAX_RUNNING_LIMIT.
        warm_runners: runner processes kept ready.
        database_url: None for the SQLite file in the data folder.
        keep_days: days for which executions that completed are kept, others for longer; 0: for
            ever.
        vault_key_file: absolute path of the file with the key of the vault; None: the system
            keyring, else a file in the data folder.
        gateway_url: the default gateway, for playbooks that name none.
        api_token: for it.
    """

    data_dir: Path
    playbook_dirs: tuple[Path, ...] = ()
    max_running: int = DEFAULT_MAX_RUNNING
    warm_runners: int = DEFAULT_WARM_RUNNERS
    database_url: str | None = None
    keep_days: int = DEFAULT_KEEP_DAYS
    vault_key_file: Path | None = None
    gateway_url: str | None = None
    api_token: Secret | None = None

    @property
    def artifacts_dir(self) -> Path:
        """The folder of the executions' folders of artifacts."""
        return self.data_dir / "artifacts"

    @property
    def library_folders(self) -> tuple[Path, ...]:
        """The person's own folders of the library; a later one shadows an earlier one."""
        return (self.data_dir / "playbooks", *self.playbook_dirs)

    @classmethod
    def from_environment(cls, data_dir: Path | None = None, playbooks: Sequence[Path] = ()) -> Self:
        """Return the settings that the options, ITK_* variables and defaults give together.

        Args:
            data_dir: the option `--data-dir`; else ITK_DATA_DIR, else the user's data folder.
            playbooks: the options `--playbooks`; else the folders in ITK_PLAYBOOKS.

        Raises:
            OperatorError: a value is not usable; the message names where it came from.
        """
        return cls(
            data_dir=_absolute(data_dir) if data_dir is not None else default_data_dir(),
            playbook_dirs=_playbook_dirs(playbooks),
            max_running=_max_running(),
            database_url=_database_url(),
            keep_days=_keep_days(),
            vault_key_file=_vault_key_file(),
            gateway_url=_gateway_url(),
            api_token=_api_token(),
        )


def default_data_dir() -> Path:
    """Return ITK_DATA_DIR, else the folder for this program's data that XDG gives a user.

    Raises:
        OperatorError: there is no variable and the user has no home folder.
    """
    if given := os.environ.get("ITK_DATA_DIR"):
        return _absolute(Path(given))
    # The XDG specification says to ignore a relative path.
    base = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(base):
        return Path(base) / APP_FOLDER
    try:
        return Path.home() / ".local" / "share" / APP_FOLDER
    except RuntimeError as error:
        raise OperatorError(
            "this user has no home folder to keep data in: "
            "name a data folder with --data-dir or ITK_DATA_DIR"
        ) from error


def _absolute(path: Path) -> Path:
    try:
        return Path(os.path.abspath(path.expanduser()))
    except RuntimeError as error:
        raise OperatorError(f"{path}: there is no such user's home folder") from error


def _database_url() -> str | None:
    """Return ITK_DATABASE_URL. One machine, one SQLite file: nothing else in this release."""
    url = os.environ.get("ITK_DATABASE_URL") or None
    if url is None or url.startswith("sqlite:///"):
        return url
    # Not shown whole: such an address may hold a password.
    raise OperatorError(
        f"ITK_DATABASE_URL: this release keeps its data in SQLite only, found "
        f"{url.partition(':')[0]!r}: unset it, or give sqlite:////absolute/path/itk.db"
    )


def _vault_key_file() -> Path | None:
    given = os.environ.get(VAULT_KEY_VARIABLE)
    return _absolute(Path(given)) if given else None


def _gateway_url() -> str | None:
    text = os.environ.get(GATEWAY_VARIABLE, "").strip()
    if not text:
        return None
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or "@" in text:
        # Not shown: such an address may hold a password.
        raise OperatorError(
            f"{GATEWAY_VARIABLE}: expected the address of a gateway without a login, as "
            "http://plant:8088 or https://plant:8043, found something else"
        )
    return text


def _api_token() -> Secret | None:
    text = os.environ.get(API_TOKEN_VARIABLE, "")
    if text and (len(text) < MIN_SECRET_LENGTH or not text.isascii() or not text.isprintable()):
        raise OperatorError(
            f"{API_TOKEN_VARIABLE} cannot be used: expected an API token of a gateway, at least "
            f"{MIN_SECRET_LENGTH} visible ASCII characters, found {len(text)} characters that are "
            "not; set it to a key as the gateway shows it, or unset it"
        )
    return Secret(text) if text else None


def _playbook_dirs(given: Sequence[Path]) -> tuple[Path, ...]:
    if given:
        return tuple(_folder(path, "--playbooks") for path in given)
    listed = os.environ.get("ITK_PLAYBOOKS", "").split(os.pathsep)
    return tuple(_folder(Path(part), "ITK_PLAYBOOKS") for part in listed if part)


def _folder(path: Path, origin: str) -> Path:
    absolute = _absolute(path)
    if not absolute.is_dir():
        what = "is not a folder" if absolute.exists() else "does not exist"
        raise OperatorError(f"{origin}: {absolute} {what}; name a folder with playbooks in it")
    return absolute


def _max_running() -> int:
    meaning = "how many executions may run at once"
    return _whole_number("ITK_MAX_RUNNING", DEFAULT_MAX_RUNNING, 1, MAX_RUNNING_LIMIT, meaning)


def _keep_days() -> int:
    meaning = "for how many days completed executions are kept (0: for ever)"
    return _whole_number("ITK_KEEP_DAYS", DEFAULT_KEEP_DAYS, 0, MAX_DAYS, meaning)


def _whole_number(name: str, default: int, least: int, most: int, meaning: str) -> int:
    text = os.environ.get(name) or str(default)
    # isdecimal alone would take digits of other scripts; int() takes signs, blanks and "1_0".
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else -1
    if not least <= number <= most:
        raise OperatorError(
            f"{name} is {text!r}: expected {meaning}, a whole number from {least} to {most}"
        )
    return number
