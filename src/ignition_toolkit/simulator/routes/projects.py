"""Projects, and their export and import. Source: gateway-api section 2.4."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from ignition_toolkit.simulator import answers, listing
from ignition_toolkit.simulator.answers import Refused, json_object
from ignition_toolkit.simulator.projects import ImportRefused, read_project
from ignition_toolkit.simulator.routing import Call, Row
from ignition_toolkit.simulator.streams import in_thread, uploaded

API = "/data/api/v1/projects"


async def list_all(call: Call) -> Response:
    """List the projects."""
    return _page(call, call.world.projects.items())


async def names(call: Call) -> Response:
    """List the projects' names."""
    return _page(call, [{"name": one["name"]} for one in call.world.projects.items()])


async def parents(call: Call) -> Response:
    """List the projects that others may inherit from."""
    items = call.world.projects.items()
    return _page(call, [{"name": one["name"]} for one in items if one["inheritable"]])


async def parents_of(call: Call) -> Response:
    """List the projects that this one may inherit from."""
    project = call.world.projects.get(call.path["name"])
    items = call.world.projects.items()
    fitting = [one for one in items if one["inheritable"] and one["name"] != project.name]
    return _page(call, [{"name": one["name"]} for one in fitting])


async def find(call: Call) -> Response:
    """Give one project, without its resources."""
    projects = call.world.projects
    return JSONResponse(projects.item(projects.get(call.path["name"])))


async def create(call: Call) -> Response:
    """Create a project."""
    project = call.world.projects.create(await _object(call))
    return _done(call, project.name)


async def modify(call: Call) -> Response:
    """Change the fields that the body has."""
    project = call.world.projects.modify(call.path["name"], await _object(call))
    return _done(call, project.name)


async def copy(call: Call) -> Response:
    """Copy a project."""
    body = await _object(call)
    project = call.world.projects.copy(_text(body, "fromName"), _text(body, "toName"))
    return _done(call, project.name)


async def rename(call: Call) -> Response:
    """Rename a project."""
    new = _text(await _object(call), "name")
    project = call.world.projects.rename(call.path["name"], new)
    return _done(call, project.name)


async def delete(call: Call) -> Response:
    """Delete a project; without its confirmation nothing happens, with status 200."""
    name = call.path["name"]
    call.world.projects.get(name)
    if call.query.get("confirm") != "true":
        return _unconfirmed(call)
    call.world.projects.delete(name)
    return _done(call, name)


def _unconfirmed(call: Call) -> Response:
    settings = call.world.settings
    if settings.unconfirmed_delete == "empty":
        return Response()
    problem = None if settings.unconfirmed_delete == "success" else "Confirm required"
    return JSONResponse(answers.write_answer(settings, problem=problem))


async def export(call: Call) -> Response:
    """Give a project as a zip file."""
    projects = call.world.projects
    project = projects.get(call.path["name"])
    data = await in_thread(lambda: projects.export(project))
    headers = {"Content-Disposition": f'attachment; filename="{_ascii(project.name)}.zip"'}
    return Response(data, media_type="application/zip", headers=headers)


async def import_(call: Call) -> Response:
    """Take a project as a zip file; what is none is refused with status 200."""
    world, name = call.world, call.path["name"]
    content_type = call.request.headers.get("content-type", "").split(";")[0].strip()
    if content_type != "application/zip":
        raise Refused(415)
    overwrite = call.query.get("overwrite") == "true"
    if not overwrite:
        world.projects.check_free(name)
    limit = world.settings.max_import_bytes
    async with uploaded(call.request, limit) as file:
        try:
            project = await in_thread(lambda: read_project(name, file, limit))
        except ImportRefused as refused:
            return JSONResponse(answers.write_answer(world.settings, problem=str(refused)))
    world.projects.put(project, overwrite=overwrite)
    return _done(call, name)


def _page(call: Call, items: list[dict[str, Any]]) -> Response:
    return JSONResponse(listing.page(call.world.settings, items, call.query))


def _done(call: Call, name: str) -> Response:
    call.world.changed()
    return JSONResponse(answers.write_answer(call.world.settings, [name]))


# Any: JSON values.
async def _object(call: Call) -> dict[str, Any]:
    content_type = call.request.headers.get("content-type", "").split(";")[0].strip()
    if content_type != "application/json":
        raise Refused(415)
    return await json_object(call.request)


# Any: JSON values.
def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise Refused(400, f"{key} is required.")
    return value


def _ascii(name: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)


ROWS = (
    Row("GET", f"{API}/list", list_all, "2.4"),
    Row("GET", f"{API}/names", names, "2.4"),
    Row("GET", f"{API}/parents", parents, "2.4"),
    Row("GET", f"{API}/parents/{{name}}", parents_of, "2.4"),
    Row("GET", f"{API}/find/{{name}}", find, "2.4"),
    Row("GET", f"{API}/export/{{name}}", export, "2.4"),
    Row("POST", f"{API}/import/{{name}}", import_, "2.4"),
    Row("POST", f"{API}/rename/{{name}}", rename, "2.4"),
    Row("POST", f"{API}/copy", copy, "2.4"),
    Row("POST", API, create, "2.4"),
    Row("PUT", f"{API}/{{name}}", modify, "2.4"),
    Row("DELETE", f"{API}/{{name}}", delete, "2.4"),
)
