"""Opens what is stored for the executions of a data folder."""

from __future__ import annotations

from ignition_toolkit.credentials.vault import FILE_NAME, Vault
from ignition_toolkit.credentials.vault_key import KeyPlaces
from ignition_toolkit.execution.inventory import Inventory
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.supplies import FromEnvironment
from ignition_toolkit.execution.system_keyring import SystemKeyring
from ignition_toolkit.storage import Store


def open_vault(settings: Settings) -> Vault:
    """Return the vault of a data folder; nothing is read yet."""
    mounted = settings.vault_key_file
    # A mounted key is the only one that counts: nobody else is asked then.
    keyring = SystemKeyring.find() if mounted is None else None
    places = KeyPlaces(settings.data_dir, mounted=mounted, keyring=keyring)
    return Vault(settings.data_dir / FILE_NAME, places)


def open_inventory(settings: Settings, store: Store) -> Inventory:
    """Return what is stored for executions, of a data folder that this process owns."""
    given = FromEnvironment(settings.gateway_url, settings.api_token)
    return Inventory(store, open_vault(settings), given)
