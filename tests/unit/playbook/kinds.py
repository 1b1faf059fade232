"""A catalog made by hand: the kinds that existing playbooks use, with their parameters."""

from typing import Any

from ignition_toolkit.playbook.catalog import Catalog, Kind

ANY: dict[str, Any] = {}  # Any: JSON Schemas, here and below
TEXT = {"type": "string"}
NUMBER = {"type": "number"}
SECONDS = {"anyOf": [NUMBER, {"type": "string", "pattern": "^[0-9.]+$"}]}
FLAG = {"type": "boolean"}
MILLISECONDS = {"type": "number", "minimum": 0}

#: Kind -> required parameters, then the others.
_KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "utility.sleep": ({"seconds": SECONDS}, {}),
    "utility.log": (
        {"message": ANY},
        {"level": {"enum": ["debug", "info", "warning", "error"], "default": "info"}},
    ),
    "utility.set_variable": ({"name": TEXT, "value": ANY}, {}),
    "utility.python": ({"script": TEXT}, {}),
    "playbook.run": ({"playbook": TEXT}, {}),
    "gateway.login": (
        {},
        {"username": TEXT, "password": TEXT, "credential": ANY, "api_token": TEXT},
    ),
    "gateway.logout": ({}, {}),
    "gateway.ping": ({}, {}),
    "gateway.get_info": ({}, {}),
    "gateway.get_health": ({}, {}),
    "gateway.list_modules": ({}, {}),
    "gateway.list_projects": ({}, {}),
    "gateway.upload_module": ({"file": TEXT}, {}),
    "gateway.wait_for_module_installation": ({"module_name": TEXT}, {"timeout": NUMBER}),
    "gateway.get_project": ({"project_name": TEXT}, {}),
    "gateway.restart": ({}, {"wait_for_ready": FLAG, "timeout": NUMBER}),
    "gateway.wait_for_ready": ({}, {"timeout": NUMBER}),
    "browser.navigate": ({"url": TEXT}, {"wait_until": TEXT, "timeout": MILLISECONDS}),
    "browser.click": ({"selector": TEXT}, {"timeout": MILLISECONDS, "force": FLAG}),
    "browser.fill": ({"selector": TEXT, "value": ANY}, {"timeout": MILLISECONDS}),
    "browser.keyboard": ({"key": TEXT}, {}),
    "browser.file_upload": ({"selector": TEXT, "file_path": TEXT}, {"timeout": MILLISECONDS}),
    "browser.screenshot": ({"name": TEXT}, {"full_page": FLAG}),
    "browser.wait": ({"selector": TEXT}, {"timeout": MILLISECONDS}),
    "browser.verify": ({"selector": TEXT}, {"exists": FLAG, "timeout": MILLISECONDS}),
    "browser.verify_text": (
        {"selector": TEXT, "text": TEXT},
        {"match": {"enum": ["exact", "contains", "regex"]}, "timeout": MILLISECONDS},
    ),
    "browser.verify_attribute": ({"selector": TEXT, "attribute": TEXT, "value": TEXT}, {}),
    "browser.verify_state": (
        {"selector": TEXT, "state": {"enum": ["visible", "hidden", "enabled", "disabled"]}},
        {"timeout": MILLISECONDS},
    ),
    "browser.get_text": ({"selector": TEXT}, {"timeout": MILLISECONDS}),
    "designer.launch": ({"launcher_file": TEXT}, {"keep_open": FLAG}),
    "designer.launch_shortcut": (
        {"designer_shortcut": TEXT, "project_name": TEXT},
        {
            "gateway_credential": ANY,
            "username": TEXT,
            "password": TEXT,
            "timeout": NUMBER,
            "keep_open": FLAG,
        },
    ),
    "designer.login": ({"username": TEXT, "password": TEXT}, {"timeout": NUMBER}),
    "designer.open_project": ({"project_name": TEXT}, {"timeout": NUMBER}),
    "designer.wait_for_window": ({"title": TEXT}, {"timeout": NUMBER}),
    "designer.screenshot": ({"name": TEXT}, {}),
    "designer.close": ({}, {}),
    "perspective.discover_page": (
        {},
        {"selector": TEXT, "types": {"type": "array"}, "exclude_selectors": {"type": "array"}},
    ),
}


def kind(name: str, required: dict[str, Any], other: dict[str, Any]) -> Kind:
    """Return one kind with a schema like those that pydantic makes."""
    extra = name == "playbook.run"
    schema = {
        "type": "object",
        "properties": {**required, **other},
        "required": list(required),
        "additionalProperties": extra,
    }
    return Kind(type=name, summary=f"Do {name}", parameters=schema, extra_parameters=extra)


CATALOG = Catalog(
    key="by-hand", kinds={name: kind(name, *parameters) for name, parameters in _KINDS.items()}
)


def steps(*lines: str) -> str:
    """Return a playbook of one utility.log step whose further lines are given."""
    return "name: x\nsteps:\n" + "\n".join(lines) + "\n"
