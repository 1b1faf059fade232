"""The modules of the gateway: uploaded, quarantined, installed, and what a restart makes of them.

Source: gateway-api section 2.2, measured on 8.3.3 and 8.3.8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.clock import Clock
from ignition_toolkit.simulator.lifecycle import Lifecycle
from ignition_toolkit.simulator.module_files import ModuleFile
from ignition_toolkit.simulator.settings import Settings
from ignition_toolkit.simulator.state import Module, State
from ignition_toolkit.simulator.trial import Trial


class ModuleStore:
    """All modules, and the files that were uploaded and not yet installed."""

    def __init__(
        self, settings: Settings, clock: Clock, state: State, lifecycle: Lifecycle, trial: Trial
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._state = state
        self._lifecycle = lifecycle
        self._trial = trial
        self._uploaded: dict[str, Module] = {}

    def find(self, module_id: str) -> Module | None:
        """Return a module, uploaded ones first."""
        if module_id in self._uploaded:
            return self._uploaded[module_id]
        return self._installed(module_id)

    def upload(self, file: ModuleFile, file_name: str) -> Module:
        """Take a file; it does nothing until it is installed, or the gateway restarts."""
        module = Module(
            id=file.id,
            name=file.name,
            version=file.version,
            description=file.description,
            vendor=file.vendor,
            file_name=file_name,
            fingerprint=file.fingerprint,
            eula=file.eula,
        )
        self._uploaded[file.id] = module
        return module

    def certificate_accepted(self, module: Module) -> bool:
        """Say whether its certificate was; an unsigned one's stands for its lack of one."""
        unsigned_is_fine = self._settings.allow_unsigned_modules and not module.fingerprint
        return unsigned_is_fine or _certificate_key(module) in self._state.accepted

    def license_accepted(self, module: Module) -> bool:
        """Say whether its licence was, or whether it has none."""
        return not module.eula or _license_key(module) in self._state.accepted

    def accept_certificate(self, module: Module) -> bool:
        """Accept its certificate. Returns False where that was done before."""
        return self._accept(module, _certificate_key(module))

    def accept_license(self, module: Module) -> bool:
        """Accept its licence. Returns False where that was done before."""
        return self._accept(module, _license_key(module))

    def install(self, module_id: str) -> Module:
        """Install what was uploaded. Raises Refused 400 where nothing was."""
        uploaded = self._uploaded.pop(module_id, None)
        if uploaded is None:
            if (known := self._installed(module_id)) is not None:
                return known
            raise Refused(400, f"Module '{module_id}' was not uploaded.")
        return self._put(uploaded)

    def _put(self, new: Module) -> Module:
        old = self._installed(new.id)
        if old is not None and old.loaded:
            # The old version goes on until the restart, which reads the file anew.
            old.next_version = new.version
            old.file_name, old.fingerprint, old.eula = new.file_name, new.fingerprint, new.eula
            return old
        if old is not None:
            self._state.modules.remove(old)
        new.quarantined = not self._accepted(new)
        new.loaded = not new.quarantined and not self._settings.first_install_needs_restart
        self._state.modules.append(new)
        return new

    def toggle(self, enable: Sequence[str], disable: Sequence[str]) -> dict[str, list[str]]:
        """Enable and disable modules from the next start on. Returns the ids that are unknown."""
        failed: dict[str, list[str]] = {"enable": [], "disable": []}
        for verb, ids in (("enable", enable), ("disable", disable)):
            for module_id in ids:
                module = self._installed(module_id)
                if module is None:
                    failed[verb].append(module_id)
                else:
                    module.enabled = verb == "enable"
                    self._state.pending.append(f"Module {verb.capitalize()}d: {module_id}")
        return failed

    def uninstall(self, ids: Sequence[str]) -> list[str]:
        """Uninstall modules from the next start on, all or none. Returns those that cannot be."""
        read_only = self._settings.read_only_modules
        failed = [one for one in ids if one in read_only or self._installed(one) is None]
        if not failed:
            for module_id in ids:
                module = self._installed(module_id)
                assert module is not None
                module.uninstalling = True
                self._state.pending.append(f"Module Uninstalled: {module_id}")
        return failed

    def on_start(self) -> None:
        """Do what a new process of the gateway does: it reads all files anew."""
        for module in self._uploaded.values():
            self._put(module)
        self._uploaded.clear()
        self._state.pending.clear()
        self._state.modules = [one for one in self._state.modules if not one.uninstalling]
        for module in self._state.modules:
            module.version = module.next_version or module.version
            module.next_version = None
            module.quarantined = not self._accepted(module)
            module.loaded = module.enabled and not module.quarantined

    def not_accepted(self) -> tuple[list[str], list[str]]:
        """Return the ids of modules whose certificate, and whose licence, waits for acceptance."""
        modules = self._state.modules
        certificates = [one.id for one in modules if not self.certificate_accepted(one)]
        return certificates, [one.id for one in modules if not self.license_accepted(one)]

    # Any: JSON values.
    def healthy(self) -> list[dict[str, Any]]:
        """Return the items of `GET /modules/healthy`."""
        return [self._healthy(one) for one in self._state.modules if not one.quarantined]

    # Any: JSON values.
    def quarantined(self) -> list[dict[str, Any]]:
        """Return the items of `GET /modules/quarantined`."""
        return [self._quarantined(one) for one in self._state.modules if one.quarantined]

    # Any: JSON values.
    def _healthy(self, module: Module) -> dict[str, Any]:
        # Any: JSON values.
        item: dict[str, Any] = {
            "id": module.id,
            "onStartup": "enabled" if module.enabled else "disabled",
            "shouldUpgrade": module.next_version is not None,
            "name": module.name,
            "version": module.version,
            "description": module.description,
            "vendorId": 0,
            "vendorName": module.vendor,
            "selfSigned": module.self_signed,
        }
        if not module.loaded and not module.enabled:
            return item
        item |= {
            "state": self._state_of(module),
            "licenseState": "Activated" if self._settings.licensed else "Trial",
            "startupTime": "0.5 s",
            "restrictions": [],
        }
        if module.fault is not None:
            item["faultCause"] = module.fault
            item["exception"] = {"message": module.fault, "stacktrace": []}
            item["faultTime"] = int(self._lifecycle.running_at * 1000)
        return item

    def _state_of(self, module: Module) -> str:
        settled_at = self._lifecycle.running_at + self._settings.module_settle_s
        runs = module.loaded and self._clock.now >= settled_at
        return "ACTIVE" if runs and not self._trial.expired and not module.fault else "INACTIVE"

    # Any: JSON values.
    def _quarantined(self, module: Module) -> dict[str, Any]:
        certificate = self.certificate_accepted(module)
        reason = "License has not been accepted."
        if not certificate and module.fingerprint:
            reason = "Certificate has not been accepted."
        elif not certificate:
            reason = "Module is unsigned and developer mode not enabled."
        return {
            "id": module.id,
            "name": module.name,
            "version": module.version,
            "certAccepted": certificate,
            "licenseAccepted": self.license_accepted(module),
            "reason": reason,
        }

    def _accept(self, module: Module, key: str) -> bool:
        if key in self._state.accepted:
            return False
        self._state.accepted.append(key)
        clears = self._settings.quarantine_clears == "at once"
        if module.quarantined and clears and self._accepted(module):
            module.quarantined = False
            module.loaded = not self._settings.first_install_needs_restart
        return True

    def _accepted(self, module: Module) -> bool:
        return self.certificate_accepted(module) and self.license_accepted(module)

    def _installed(self, module_id: str) -> Module | None:
        return next((one for one in self._state.modules if one.id == module_id), None)


def _certificate_key(module: Module) -> str:
    return f"certificate {module.fingerprint or module.id}"


def _license_key(module: Module) -> str:
    return f"license {module.id} {license_hash(module)}"


def license_hash(module: Module) -> str:
    """Return what stands for the text of a module's licence."""
    return hashlib.sha256(module.eula.encode()).hexdigest()
