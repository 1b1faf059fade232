"""Resources of the configuration: devices, connections, providers, keys and whatever else.

Source: gateway-api section 2.5. Each has a signature over its contents; a writer names the one
that it has seen.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.clock import Clock
from ignition_toolkit.simulator.settings import Settings
from ignition_toolkit.simulator.state import Resource, State

#: Fields of a resource that a writer may give.
WRITABLE = {"description": str, "enabled": bool, "collection": str, "config": dict}
TYPES = {"name": str, **WRITABLE}

DEVICE = ("com.inductiveautomation.opcua", "device")
PROVIDER = ("ignition", "tag-provider")
API_TOKEN = ("ignition", "api-token")


class Stale(Exception):
    """A writer's signature is not the resource's own."""


def signature_of(resource: Resource) -> str:
    """Return the 64 hexadecimal digits that change with the contents."""
    text = resource.model_dump_json(exclude={"files"})
    digest = hashlib.sha256(text.encode())
    for name, data in sorted(resource.files.items()):
        digest.update(name.encode() + b"\0" + data)
    return digest.hexdigest()


class ResourceStore:
    """All resources, by module, type and name; a singleton's name is empty."""

    def __init__(self, settings: Settings, clock: Clock, state: State) -> None:
        self._settings = settings
        self._clock = clock
        self._state = state

    def all_of(self, module: str, kind: str) -> list[Resource]:
        """Return the named resources of a type."""
        found = (one for one in self._state.resources if one.name)
        return [one for one in found if (one.module, one.type) == (module, kind)]

    def get(self, module: str, kind: str, name: str = "") -> Resource:
        """Return one. Raises Refused 404."""
        found = self._find(module, kind, name)
        if found is None:
            raise Refused(404, f"Resource {module}/{kind}/{name} not found.".replace("//", "/"))
        return found

    # Any: JSON values.
    def create(self, module: str, kind: str, bodies: list[dict[str, Any]]) -> list[Resource]:
        """Create resources, all or none. Raises Refused 409, 422."""
        new: list[Resource] = []
        for body in bodies:
            self._check(kind, body)
            resource = Resource(module=module, type=kind, name=body.get("name", ""))
            self.check_free(resource)
            if any(one.name == resource.name for one in new):
                raise Refused(409, f"Resource '{resource.name}' is there twice.")
            _set(resource, body)
            new.append(resource)
        self._state.resources += new
        return new

    # Any: JSON values.
    def update(self, module: str, kind: str, bodies: list[dict[str, Any]]) -> list[Resource]:
        """Change resources, all or none. Raises Refused 404, 422, and Stale."""
        found = [(self.get(module, kind, str(body.get("name", ""))), body) for body in bodies]
        for resource, body in found:
            self._check(kind, body)
            self.check_signature(resource, body.get("signature"))
        for resource, body in found:
            _set(resource, body)
        return [resource for resource, _ in found]

    def delete(self, resource: Resource) -> None:
        """Delete one."""
        self._state.resources.remove(resource)

    def add(self, resource: Resource) -> None:
        """Put one there. Raises Refused 409 where its name is taken."""
        self.check_free(resource)
        self._state.resources.append(resource)

    def check_signature(self, resource: Resource, signature: object) -> None:
        """Raise Stale unless the signature is the resource's own."""
        if signature != signature_of(resource):
            raise Stale

    def check_free(self, resource: Resource) -> None:
        """Raise Refused 409 where there is one of that name, or a singleton already."""
        if self._find(resource.module, resource.type, resource.name) is not None:
            raise Refused(409, f"Resource '{resource.name}' already exists.")

    # Any: JSON values.
    def item(self, resource: Resource) -> dict[str, Any]:
        """Return a resource as the interface shows it; a singleton has no name."""
        item: dict[str, Any] = {"name": resource.name} if resource.name else {}
        item |= {
            "type": f"{resource.module}/{resource.type}",
            "description": resource.description,
            "enabled": resource.enabled,
            "version": 1,
            "collection": resource.collection,
            "collections": [resource.collection],
            "signature": signature_of(resource),
            "config": resource.config,
            "data": sorted(resource.files),
            "attributes": {},
            "metrics": self._metrics(resource),
            "healthchecks": self._healthchecks(resource),
        }
        if resource.backup_config is not None:
            item["backupConfig"] = resource.backup_config
        return item

    # Any: JSON values.
    def _metrics(self, resource: Resource) -> dict[str, Any]:
        if (resource.module, resource.type) != PROVIDER:
            return {}
        count = count_tags(self._state.tags.get(resource.name, []))
        return {"tagCount": {"metric": {"value": count}}}

    # Any: JSON values.
    def _healthchecks(self, resource: Resource) -> dict[str, Any]:
        kind = (resource.module, resource.type)
        words = {DEVICE: "Connected", PROVIDER: "Running"}
        if kind not in words:
            return {}
        message = words[kind] if resource.enabled else "Disabled"
        result = {"healthy": resource.enabled, "message": message, "time": self._clock.now_ms}
        return {"status": {"result": result}}

    def _find(self, module: str, kind: str, name: str) -> Resource | None:
        wanted = (module, kind, name)
        fitting = (o for o in self._state.resources if (o.module, o.type, o.name) == wanted)
        return next(fitting, None)

    # Any: JSON values.
    def _check(self, kind: str, body: dict[str, Any]) -> None:
        """Raise Refused 422 where a field has a wrong type."""
        wrong = [
            {"fieldName": field, "messages": [f"expected {needed.__name__}"]}
            for field, needed in TYPES.items()
            if field in body and not isinstance(body[field], needed)
        ]
        if not wrong and kind == API_TOKEN[1]:
            wrong = _wrong_levels(body)
        if wrong:
            messages = {"messages": ["Invalid resource"], "fieldMessages": wrong}
            nested = self._settings.nested_messages
            raise Refused(422, body={"problem": messages} if nested else messages)


# Any: JSON values.
def count_tags(tags: list[dict[str, Any]]) -> int:
    """Count a tree's tags without its folders."""
    folders = ("Folder", "Provider")
    return sum(
        (tag.get("tagType") not in folders) + count_tags(tag.get("tags", [])) for tag in tags
    )


# Any: JSON values.
def _wrong_levels(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Measured: security levels of an API key are trees of objects, not their names."""
    profile = body.get("config", {}).get("profile", {})
    levels = profile.get("securityLevels", []) if isinstance(profile, dict) else []
    if isinstance(levels, list) and all(isinstance(level, dict) for level in levels):
        return []
    return [{"fieldName": "securityLevels", "messages": ["expected objects"]}]


# Any: JSON values.
def _set(resource: Resource, body: dict[str, Any]) -> None:
    for field in WRITABLE:
        if field in body:
            # A copy: the caller's object must not change with the resource.
            setattr(resource, field, json.loads(json.dumps(body[field])))
