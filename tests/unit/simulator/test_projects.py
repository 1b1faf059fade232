"""Section 2.4: projects, and their zip files."""

import io
import json
import zipfile
from typing import Any

import pytest

from ignition_toolkit.simulator import SimulatedGateway
from tests.unit.simulator.conftest import JSON, Asker

LIST = "GET /data/api/v1/projects/list"
NAMES = "GET /data/api/v1/projects/names"
PARENTS = "GET /data/api/v1/projects/parents"
PARENTS_OF = "GET /data/api/v1/projects/parents/{name}"
FIND = "GET /data/api/v1/projects/find/{name}"
EXPORT = "GET /data/api/v1/projects/export/{name}"
IMPORT = "POST /data/api/v1/projects/import/{name}"
RENAME = "POST /data/api/v1/projects/rename/{name}"
COPY = "POST /data/api/v1/projects/copy"
CREATE = "POST /data/api/v1/projects"
MODIFY = "PUT /data/api/v1/projects/{name}"
DELETE = "DELETE /data/api/v1/projects/{name}"

ZIP = {"Content-Type": "application/zip"}


async def names(ask: Asker, row: str = NAMES, **options: Any) -> list[str]:
    """Return the names in a list of projects."""
    return [item["name"] for item in (await ask.json(row, **options))["items"]]


def zipped(**files: str) -> bytes:
    """Return a zip file with these files; `_` stands for a dot in their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return buffer.getvalue()


async def test_projects_are_listed_with_the_recorded_fields(ask: Asker) -> None:
    items = (await ask.json(LIST))["items"]
    assert set(items[1]) == {
        "name",
        "title",
        "description",
        "enabled",
        "parent",
        "inheritable",
        "defaultDb",
        "tagProvider",
        "userSource",
        "identityProvider",
        "mutable",
        "invalidParent",
    }
    assert await names(ask) == ["base", "demo"]
    assert await names(ask, PARENTS) == ["base"]
    assert await names(ask, PARENTS_OF, name="base") == []
    assert (await ask.json(FIND, name="demo"))["title"] == "Demo"
    assert (await ask(FIND, name="gone")).status_code == 404
    assert (await ask(PARENTS_OF, name="gone")).status_code == 404


async def test_a_project_is_created_changed_copied_renamed_and_deleted(ask: Asker) -> None:
    name = "plant/line 1"
    created = await ask.json(CREATE, json={"name": name, "title": "Line", "parent": "base"})
    assert created == {"success": True, "changes": [{"name": name}]}
    assert (await ask.json(MODIFY, name=name, json={"enabled": False}))["success"]
    found = await ask.json(FIND, name=name)
    assert (found["title"], found["enabled"], found["invalidParent"]) == ("Line", False, False)
    await ask.json(COPY, json={"fromName": name, "toName": "copy"})
    await ask.json(RENAME, name="base", json={"name": "ground"})
    assert (await ask.json(FIND, name="copy"))["parent"] == "ground"
    await ask.json(DELETE, name=name, query="confirm=true")
    assert await names(ask) == ["ground", "demo", "copy"]


@pytest.mark.parametrize(
    ("row", "body", "status"),
    [
        (CREATE, {"title": "x"}, 400),
        (CREATE, {"name": ""}, 400),
        (CREATE, {"name": "x", "enabled": "yes"}, 400),
        (CREATE, {"name": "demo"}, 409),
        (CREATE, {"name": "DEMO"}, 409),
        (CREATE, [], 400),
        (COPY, {"fromName": "gone", "toName": "x"}, 404),
        (COPY, {"fromName": "demo", "toName": "base"}, 409),
        (COPY, {"fromName": "demo"}, 400),
        (RENAME, {"name": "base"}, 409),
        (RENAME, {}, 400),
        (MODIFY, {"title": 3}, 400),
    ],
)
async def test_a_wrong_write_is_refused_and_changes_nothing(
    row: str, body: object, status: int, ask: Asker
) -> None:
    before = await ask.json(LIST)
    response = await ask(row, name="demo", json=body) if "{" in row else await ask(row, json=body)
    assert response.status_code == status
    assert await ask.json(LIST) == before


async def test_a_write_must_be_json(ask: Asker) -> None:
    text = {"Content-Type": "text/plain"}
    for row in (CREATE, COPY):
        assert (await ask(row, content=b'{"name": "x"}', headers=text)).status_code == 415
    renamed = await ask(RENAME, name="demo", content=b'{"name": "x"}', headers=text)
    assert renamed.status_code == 415


@pytest.mark.parametrize(
    ("setting", "success"), [("failure", False), ("success", True), ("empty", None)]
)
async def test_a_delete_without_confirmation_is_a_200_that_deletes_nothing(
    setting: str, success: bool | None, ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.configure(unconfirmed_delete=setting)
    response = await ask(DELETE, name="demo")
    assert response.status_code == 200
    assert (response.json()["success"] if response.content else None) == success
    assert "demo" in await names(ask)
    assert (await ask(DELETE, name="gone", query="confirm=true")).status_code == 404


async def test_an_edge_gateway_and_a_backup_do_not_change_what_projects_there_are(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    for change in ({"edition": "edge"}, {"edition": "standard", "role": "Backup"}):
        gateway.configure(**change)
        assert (await ask(CREATE, json={"name": "x"})).status_code == 403
    assert (await ask(RENAME, name="demo", json={"name": "x"})).status_code == 403
    assert (await ask(DELETE, name="demo", query="confirm=true")).status_code == 503


async def test_an_export_is_a_zip_file_that_an_import_takes_back(ask: Asker) -> None:
    exported = await ask(EXPORT, name="demo")
    assert exported.headers["content-disposition"] == 'attachment; filename="demo.zip"'
    with zipfile.ZipFile(io.BytesIO(exported.content)) as archive:
        inside = archive.namelist()
        described = json.loads(archive.read("project.json"))
    assert (inside[0], len(inside), described["title"]) == ("project.json", 2, "Demo")
    content = exported.content
    assert (await ask.json(IMPORT, name="again", content=content, headers=ZIP))["success"]
    assert (await ask.json(FIND, name="again"))["parent"] == "base"
    taken = await ask(IMPORT, name="demo", content=content, headers={**ZIP, **JSON})
    assert taken.status_code == 409
    assert taken.json()["message"] == "Name 'demo' already in use."
    overwritten = zipped(project_json='{"title": "New"}')
    await ask.json(IMPORT, name="demo", query="overwrite=true", content=overwritten, headers=ZIP)
    assert (await ask.json(FIND, name="demo"))["title"] == "New"
    assert (await ask(EXPORT, name="gone")).status_code == 404


@pytest.mark.parametrize(
    "content",
    [b"no zip", zipped(other_txt="x"), zipped(project_json="x"), zipped(project_json="3")],
)
@pytest.mark.parametrize("form", ["object", "text"])
async def test_an_import_that_is_no_project_is_a_200_that_says_so(
    content: bytes, form: str, ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.configure(problem_form=form)
    told = await ask.json(IMPORT, name="new", content=content, headers=ZIP)
    assert told["success"] is False
    assert isinstance(told["problem"], str if form == "text" else dict)
    assert "new" not in await names(ask)


async def test_an_import_must_be_a_zip_file_and_not_too_large(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    assert (await ask(IMPORT, name="x", content=b"", headers=JSON)).status_code == 415
    gateway.configure(max_import_bytes=1000)
    assert (await ask(IMPORT, name="x", content=b"0" * 1001, headers=ZIP)).status_code == 413
    bomb = zipped(project_json="{}", bomb_txt="0" * 2000)
    gateway.configure(max_import_bytes=len(bomb) - 1500)
    assert (await ask(IMPORT, name="x", content=bomb, headers=ZIP)).status_code == 413
