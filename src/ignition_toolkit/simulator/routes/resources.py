"""Resources of the configuration, and the keys of the API. Source: gateway-api 2.5 and 1.1."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import JSONResponse, Response

from ignition_toolkit.simulator import answers, listing
from ignition_toolkit.simulator.access import hash_of
from ignition_toolkit.simulator.answers import Refused, json_body
from ignition_toolkit.simulator.resources import Stale, signature_of
from ignition_toolkit.simulator.routing import Call, Row
from ignition_toolkit.simulator.state import Resource

API = "/data/api/v1/resources"

#: Parameters of lists and singletons, which are no filters.
OWN = ("collection", "defaultIfUndefined")


async def list_all(call: Call) -> Response:
    """List the resources of a type."""
    store = call.world.resources
    items = [store.item(one) for one in store.all_of(*_kind(call))]
    return JSONResponse(listing.page(call.world.settings, items, call.query, OWN))


async def names(call: Call) -> Response:
    """List their names."""
    found = call.world.resources.all_of(*_kind(call))
    items = [{"name": one.name, "enabled": one.enabled, "modes": []} for one in found]
    return JSONResponse(listing.page(call.world.settings, items, call.query, OWN))


async def find(call: Call) -> Response:
    """Give one resource; of a singleton, the only one."""
    store = call.world.resources
    return JSONResponse(store.item(_get(call)))


async def singleton(call: Call) -> Response:
    """Give a singleton; with `defaultIfUndefined` an empty one where there is none."""
    store = call.world.resources
    module, kind = _kind(call)
    try:
        resource = store.get(module, kind)
    except Refused:
        if call.query.get("defaultIfUndefined") != "true":
            raise
        resource = Resource(module=module, type=kind)
    return JSONResponse(store.item(resource))


async def describe(call: Call) -> Response:
    """Answer for a type; nobody has captured the body."""
    return answers.uncaptured(call.world.settings, call.request.url.path)


async def create(call: Call) -> Response:
    """Create the resources of an array."""
    return _done(call, call.world.resources.create(*_kind(call), await _bodies(call)))


async def update(call: Call) -> Response:
    """Change the resources of an array; each names the signature that its writer has seen."""
    bodies = await _bodies(call)
    try:
        return _done(call, call.world.resources.update(*_kind(call), bodies))
    except Stale as stale:
        raise _refused(call) from stale


async def delete(call: Call) -> Response:
    """Delete one resource of a known signature."""
    resource = _get(call)
    _check(call, resource, call.path["signature"])
    call.world.resources.delete(resource)
    return _done(call, [resource])


async def delete_many(call: Call) -> Response:
    """Delete the resources of an array of `{name, signature}`; that shape is a guess."""
    store = call.world.resources
    found = [
        (store.get(*_kind(call), str(body.get("name", ""))), body.get("signature"))
        for body in await _bodies(call)
    ]
    for resource, signature in found:
        _check(call, resource, signature)
    for resource, _ in found:
        store.delete(resource)
    return _done(call, [resource for resource, _ in found])


async def rename(call: Call) -> Response:
    """Rename a resource; that the new name is the parameter `newName` is a guess."""
    resource = _get(call)
    new = _parameter(call, "newName")
    call.world.resources.check_free(resource.model_copy(update={"name": new}))
    resource.name = new
    return _done(call, [resource])


async def copy(call: Call) -> Response:
    """Copy a resource, `name` to `newName`; the names of the parameters are a guess."""
    source = call.world.resources.get(*_kind(call), _parameter(call, "name"))
    made = source.model_copy(deep=True, update={"name": _parameter(call, "newName")})
    call.world.resources.add(made)
    return _done(call, [made])


async def move(call: Call) -> Response:
    """Move `name` to `newCollection`; the names of the parameters are a guess."""
    resource = call.world.resources.get(*_kind(call), _parameter(call, "name"))
    resource.collection = _parameter(call, "newCollection")
    return _done(call, [resource])


async def read_file(call: Call) -> Response:
    """Give a file of a resource."""
    data = _get(call).files.get(call.path["file"])
    if data is None:
        raise Refused(404)
    return Response(data, media_type="application/octet-stream")


async def write_file(call: Call) -> Response:
    """Put a file of a resource."""
    resource = _get(call)
    _check(call, resource, call.query.get("signature"))
    resource.files = {**resource.files, call.path["file"]: await call.request.body()}
    return _done(call, [resource])


async def delete_file(call: Call) -> Response:
    """Delete a file of a resource."""
    resource = _get(call)
    if call.path["file"] not in resource.files:
        raise Refused(404)
    _check(call, resource, call.query.get("signature"))
    files = {name: data for name, data in resource.files.items() if name != call.path["file"]}
    resource.files = files
    return _done(call, [resource])


async def browse(call: Call) -> Response:
    """Give the tree of entities; of its shape only metrics and healthchecks are known."""
    store = call.world.resources
    children: dict[str, list[dict[str, Any]]] = {}
    for resource in call.world.state.resources:
        item = store.item(resource)
        node = {key: item[key] for key in ("metrics", "healthchecks")}
        children.setdefault(item["type"], []).append({"name": resource.name, **node})
    tree = [{"name": kind, "children": nodes} for kind, nodes in children.items()]
    return JSONResponse({"name": "", "children": tree})


async def generate_key(call: Call) -> Response:
    """Make a key for the API, and store nothing; its owner creates the resource."""
    del call
    key = secrets.token_urlsafe(32)
    return JSONResponse({"key": key, "hash": hash_of(key)})


def _kind(call: Call) -> tuple[str, str]:
    return call.path["mod"], call.path["type"]


def _get(call: Call) -> Resource:
    return call.world.resources.get(*_kind(call), call.path.get("name", ""))


def _parameter(call: Call, name: str) -> str:
    value = call.query.get(name)
    if not value:
        raise Refused(400, f"{name} is required.")
    return value


# Any: JSON values.
async def _bodies(call: Call) -> list[dict[str, Any]]:
    body = await json_body(call.request)
    if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
        raise Refused(400, "The request's body is not an array of resources.")
    return body


def _check(call: Call, resource: Resource, signature: object) -> None:
    try:
        call.world.resources.check_signature(resource, signature)
    except Stale as stale:
        raise _refused(call) from stale


def _refused(call: Call) -> Refused:
    message = "The signature does not match the current one."
    return Refused(call.world.settings.stale_signature_status, message)


def _done(call: Call, resources: list[Resource]) -> Response:
    call.world.changed()
    changes = [
        {
            "name": one.name,
            "type": f"{one.module}/{one.type}",
            "collection": one.collection,
            "newSignature": signature_of(one),
        }
        for one in resources
    ]
    return JSONResponse({"success": True, "changes": changes})


_TYPE = "{mod}/{type}"
_FILE = f"{API}/datafile/{_TYPE}/{{name}}/{{file}}"

ROWS = (
    Row("GET", f"{API}/list/{_TYPE}", list_all, "2.5"),
    Row("GET", f"{API}/names/{_TYPE}", names, "2.5"),
    Row("GET", f"{API}/find/{_TYPE}/{{name}}", find, "2.5"),
    Row("GET", f"{API}/singleton/{_TYPE}", singleton, "2.5"),
    Row("GET", f"{API}/type/{_TYPE}", describe, "2.5"),
    Row("GET", _FILE, read_file, "2.5"),
    Row("PUT", _FILE, write_file, "2.5"),
    Row("DELETE", _FILE, delete_file, "2.5"),
    Row("POST", f"{API}/rename/{_TYPE}/{{name}}", rename, "2.5"),
    Row("POST", f"{API}/copy/{_TYPE}", copy, "2.5"),
    Row("POST", f"{API}/move/{_TYPE}", move, "2.5"),
    Row("POST", f"{API}/delete/{_TYPE}", delete_many, "2.5"),
    Row("POST", f"{API}/{_TYPE}", create, "2.5"),
    Row("PUT", f"{API}/{_TYPE}", update, "2.5"),
    Row("DELETE", f"{API}/{_TYPE}/{{name}}/{{signature}}", delete, "2.5"),
    Row("DELETE", f"{API}/{_TYPE}/{{signature}}", delete, "2.5"),
    Row("GET", "/data/api/v1/entity/browse", browse, "2.5"),
    Row("POST", "/data/api/v1/api-token/generate", generate_key, "1.1"),
)
