"""The vault: what comes back, what its files show, and what is said when it cannot be opened."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ignition_toolkit.credentials import Secret, private_file
from ignition_toolkit.credentials.vault import Credential, CredentialType, Vault
from ignition_toolkit.credentials.vault_key import KeyPlaces
from ignition_toolkit.errors import VaultError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VALUE = "correct horse battery"
LOGIN = Credential("plant", CredentialType.PASSWORD, Secret(VALUE), NOW, "admin")
TOKEN = Credential("ci", CredentialType.API_TOKEN, Secret("ci:0123456789abcdef"), NOW)


@dataclass
class FakeKeyring:
    """Keeps texts; when it is broken it raises, when it is forgetful it keeps nothing."""

    kept: dict[tuple[str, str], str] = field(default_factory=dict)
    is_broken: bool = False
    is_forgetful: bool = False

    def get(self, service: str, user: str) -> str | None:
        if self.is_broken:
            raise OSError("locked")
        return self.kept.get((service, user))

    def set(self, service: str, user: str, text: str) -> None:
        if self.is_broken:
            raise OSError("locked")
        if not self.is_forgetful:
            self.kept[service, user] = text


def vault(folder: Path, mounted: Path | None = None, keyring: FakeKeyring | None = None) -> Vault:
    return Vault(folder / "credentials.vault", KeyPlaces(folder, mounted, keyring))


def key_file(path: Path, *keys: bytes, mode: int = 0o600) -> Path:
    path.write_text("".join(f"{base64.b64encode(key).decode()}\n" for key in keys))
    path.chmod(mode)
    return path


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_what_was_stored_comes_back_by_name_in_order(tmp_path: Path) -> None:
    for credential in (LOGIN, TOKEN):
        vault(tmp_path).put(credential)
    found = vault(tmp_path).read()
    assert list(found) == ["ci", "plant"]
    assert found == {"ci": TOKEN, "plant": LOGIN}
    assert found["plant"].fields == {"username": "admin", "password": Secret(VALUE)}
    assert found["ci"].fields == {"api_token": Secret("ci:0123456789abcdef")}


def test_a_vault_that_was_never_used_is_empty_and_leaves_no_file(tmp_path: Path) -> None:
    assert vault(tmp_path).read() == {}
    assert list(tmp_path.iterdir()) == []


def test_its_files_are_private_and_show_neither_names_nor_secrets(tmp_path: Path) -> None:
    vault(tmp_path).put(LOGIN)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(files) == ["credentials.vault", "vault.key"]
    assert {mode_of(path) for path in tmp_path.iterdir()} == {0o600}
    for shown in (b"plant", b"admin", VALUE.encode()):
        assert shown not in b"".join(files.values())


def test_one_is_replaced_and_one_is_removed(tmp_path: Path) -> None:
    used = vault(tmp_path)
    used.put(LOGIN)
    other = Credential("plant", CredentialType.PASSWORD, Secret("another one"), NOW)
    used.put(other)
    assert used.read() == {"plant": other}
    assert used.remove("plant")
    assert not used.remove("plant")
    assert used.read() == {}


def test_a_mounted_key_is_used_and_none_is_made(tmp_path: Path) -> None:
    mounted = key_file(tmp_path / "mounted", os.urandom(32))
    keyring = FakeKeyring()
    vault(tmp_path, mounted, keyring).put(LOGIN)
    assert vault(tmp_path, mounted).read() == {"plant": LOGIN}
    assert not (tmp_path / "vault.key").exists()
    assert not keyring.kept


def test_a_key_in_the_keyring_leaves_no_file(tmp_path: Path) -> None:
    keyring = FakeKeyring()
    vault(tmp_path, keyring=keyring).put(LOGIN)
    assert len(keyring.kept) == 1
    assert not (tmp_path / "vault.key").exists()
    assert vault(tmp_path, keyring=keyring).read() == {"plant": LOGIN}


@pytest.mark.parametrize("keyring", [FakeKeyring(is_broken=True), FakeKeyring(is_forgetful=True)])
def test_a_keyring_that_keeps_nothing_gives_way_to_a_file(
    tmp_path: Path, keyring: FakeKeyring
) -> None:
    vault(tmp_path, keyring=keyring).put(LOGIN)
    assert (tmp_path / "vault.key").exists()
    assert vault(tmp_path, keyring=keyring).read() == {"plant": LOGIN}


def test_a_keyring_that_comes_later_does_not_hide_the_key_in_the_folder(tmp_path: Path) -> None:
    vault(tmp_path).put(LOGIN)
    keyring = FakeKeyring()
    assert vault(tmp_path, keyring=keyring).read() == {"plant": LOGIN}
    assert not keyring.kept


def test_a_keyring_that_is_locked_is_told_before_the_credentials_are_called_lost(
    tmp_path: Path,
) -> None:
    keyring = FakeKeyring()
    vault(tmp_path, keyring=keyring).put(LOGIN)
    keyring.is_broken = True
    with pytest.raises(VaultError, match=r"unlock it first.*are lost") as caught:
        vault(tmp_path, keyring=keyring).read()
    keyring.is_broken = False
    assert vault(tmp_path, keyring=keyring).read() == {"plant": LOGIN}
    assert keyring.kept.popitem()[1] not in caught.value.message


def test_a_new_first_key_opens_with_the_old_one_below_it_and_seals_by_itself(
    tmp_path: Path,
) -> None:
    old, new = os.urandom(32), os.urandom(32)
    mounted = key_file(tmp_path / "mounted", old)
    vault(tmp_path, mounted).put(LOGIN)
    key_file(mounted, new, old)
    vault(tmp_path, mounted).put(TOKEN)
    key_file(mounted, new)
    assert vault(tmp_path, mounted).read() == {"ci": TOKEN, "plant": LOGIN}


def test_another_key_is_told_from_a_damaged_file(tmp_path: Path) -> None:
    mounted = key_file(tmp_path / "mounted", os.urandom(32))
    vault(tmp_path, mounted).put(LOGIN)
    key_file(mounted, os.urandom(32))
    with pytest.raises(VaultError, match="sealed with another key than the one in the file"):
        vault(tmp_path, mounted).read()


def test_nothing_is_written_over_a_vault_that_does_not_open(tmp_path: Path) -> None:
    vault(tmp_path).put(LOGIN)
    before = (tmp_path / "credentials.vault").read_bytes()
    (tmp_path / "vault.key").unlink()
    with pytest.raises(VaultError, match="has no key: looked for one in no system keyring"):
        vault(tmp_path).put(TOKEN)
    assert (tmp_path / "credentials.vault").read_bytes() == before
    assert not (tmp_path / "vault.key").exists()


@pytest.mark.parametrize("cut", [0, 10, -5])
def test_a_file_that_was_cut_short_is_damaged(tmp_path: Path, cut: int) -> None:
    vault(tmp_path).put(LOGIN)
    path = tmp_path / "credentials.vault"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(VaultError, match="is damaged"):
        vault(tmp_path).read()


def test_one_changed_octet_is_damage(tmp_path: Path) -> None:
    vault(tmp_path).put(LOGIN)
    path = tmp_path / "credentials.vault"
    outer = json.loads(path.read_text())
    sealed = bytearray(base64.urlsafe_b64decode(outer["sealed"]))
    sealed[len(sealed) // 2] ^= 1
    outer["sealed"] = base64.urlsafe_b64encode(bytes(sealed)).decode()
    path.write_text(json.dumps(outer))
    with pytest.raises(VaultError, match="is damaged") as caught:
        vault(tmp_path).read()
    assert caught.value.__cause__ is None


def test_a_file_of_a_later_release_is_not_called_damaged(tmp_path: Path) -> None:
    vault(tmp_path).put(LOGIN)
    path = tmp_path / "credentials.vault"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(VaultError, match=r"has the format 2; this release reads 1"):
        vault(tmp_path).read()


@pytest.mark.parametrize("name", ["credentials.vault", "vault.key"])
def test_files_that_others_may_read_are_refused(tmp_path: Path, name: str) -> None:
    vault(tmp_path).put(LOGIN)
    (tmp_path / name).chmod(0o640)
    with pytest.raises(VaultError, match=f"chmod 600 {tmp_path / name}"):
        vault(tmp_path).read()


def test_a_link_in_place_of_the_vault_is_refused(tmp_path: Path) -> None:
    vault(tmp_path).put(LOGIN)
    path = tmp_path / "credentials.vault"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultError, match="cannot be read"):
        vault(tmp_path).read()


def test_a_mounted_key_is_read_through_a_link(tmp_path: Path) -> None:
    real = key_file(tmp_path / "..data", os.urandom(32))
    linked = tmp_path / "key"
    linked.symlink_to(real)
    vault(tmp_path, linked).put(LOGIN)
    assert vault(tmp_path, linked).read() == {"plant": LOGIN}


def test_a_key_that_a_container_engine_mounted_may_be_such_as_all_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = key_file(tmp_path / "key", os.urandom(32), mode=0o444)
    with pytest.raises(VaultError, match="is no secret"):
        vault(tmp_path, mounted).put(LOGIN)
    monkeypatch.setattr(private_file, "_is_read_only", lambda _descriptor: True)
    vault(tmp_path, mounted).put(LOGIN)
    mounted.chmod(0o646)
    with pytest.raises(VaultError, match="is no secret"):
        vault(tmp_path, mounted).read()


def test_a_mounted_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match=r"there is no key .* which ITK_VAULT_KEY_FILE names"):
        vault(tmp_path, tmp_path / "gone").put(LOGIN)


@pytest.mark.parametrize("text", ["", "\n", "hunter22", "c2hvcnQ=\n", "é\n"])
def test_a_key_that_is_none_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    mounted = tmp_path / "mounted"
    mounted.write_text(text, "utf-8")
    mounted.chmod(0o600)
    with pytest.raises(VaultError, match="expected one to 20 lines with a key") as caught:
        vault(tmp_path, mounted).put(LOGIN)
    assert "hunter22" not in caught.value.message


def test_a_key_in_the_alphabet_of_addresses_is_taken(tmp_path: Path) -> None:
    key = b"\xfb\xff" * 16
    mounted = key_file(tmp_path / "mounted", key)
    vault(tmp_path, mounted).put(LOGIN)
    mounted.write_text(base64.urlsafe_b64encode(key).decode())
    assert vault(tmp_path, mounted).read() == {"plant": LOGIN}


def test_a_vault_that_cannot_be_written_is_as_it_was(tmp_path: Path) -> None:
    vault(tmp_path).put(LOGIN)
    # A folder cannot be written over by a file, whoever writes.
    (tmp_path / "credentials.vault.new").mkdir()
    with pytest.raises(VaultError, match=r"cannot be written: .*; nothing was changed"):
        vault(tmp_path).put(TOKEN)
    assert vault(tmp_path).read() == {"plant": LOGIN}


def test_nothing_shows_a_key_or_a_secret(tmp_path: Path) -> None:
    key = os.urandom(32)
    found = KeyPlaces(tmp_path, key_file(tmp_path / "mounted", key)).find()
    assert repr(key) not in repr(found)
    assert VALUE not in repr(LOGIN)
