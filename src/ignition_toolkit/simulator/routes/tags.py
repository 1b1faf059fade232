"""Export and import of tags; reading and writing of values has no address.

Source: gateway-api section 2.5.
"""

from __future__ import annotations

import copy
from typing import Any

from starlette.responses import JSONResponse, Response

from ignition_toolkit.simulator import answers
from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.resources import PROVIDER, count_tags
from ignition_toolkit.simulator.routing import Call, Row
from ignition_toolkit.simulator.tags import (
    POLICIES,
    NotTags,
    Tag,
    merge,
    read_tags,
    subtree,
    write_xml,
)

API = "/data/api/v1/tags"

#: Where definitions of types stand in a provider's tree.
TYPES_FOLDER = "_types_"


async def export(call: Call) -> Response:
    """Give a provider's tags, or those below a path."""
    kind = _kind(call, ("json", "xml"))
    tags = _tags(call)
    if call.query.get("includeUdts") == "false":
        tags = [tag for tag in tags if tag["name"] != TYPES_FOLDER]
    root: Tag = {"name": "", "tagType": "Provider", "tags": tags}
    if path := call.query.get("path"):
        found = subtree(tags, path)
        if found is None:
            raise Refused(404)
        root = dict(found)
    if call.query.get("recursive") == "false":
        # Measured: only a stub of the root.
        root["tags"] = []
    if kind == "xml":
        return Response(write_xml(root), media_type="application/xml")
    return JSONResponse(root)


async def import_(call: Call) -> Response:
    """Take tags; those that fail leave the status at 200."""
    kind = _kind(call, ("json", "xml", "csv"))
    policy = call.query.get("collisionPolicy", "Abort")
    if policy not in POLICIES:
        raise Refused(400, f"collisionPolicy is none of {', '.join(POLICIES)}.")
    tags = _tags(call)
    try:
        new = read_tags(await call.request.body(), kind)
    except NotTags as wrong:
        raise Refused(400, str(wrong)) from wrong
    into = tags
    if path := call.query.get("path"):
        found = subtree(tags, path)
        if found is None:
            raise Refused(404)
        into = found.setdefault("tags", [])
    failed = merge(into, copy.deepcopy(new), policy)
    call.world.changed()
    return JSONResponse(_verdict(call, count_tags(new) - len(failed), failed))


# Any: JSON values.
def _verdict(call: Call, succeeded: int, failed: list[str]) -> Any:
    texts = [f"Tag '{name}' already exists." for name in failed]
    if call.world.settings.tag_import_answer == "list":
        return [{"level": "Bad", "userCode": 0, "diagnosticMessage": text} for text in texts]
    failures = [
        {"quality": "Bad", "qualitySubCode": 0, "diagnosticMessage": text} for text in texts
    ]
    return {
        "successCount": succeeded,
        "failureCount": len(failures),
        "failures": failures,
    }


def _kind(call: Call, kinds: tuple[str, ...]) -> str:
    if not call.world.settings.tag_transfer:
        raise Refused(404, answers.no_route(call.request.url.path))
    kind = call.query.get("type", "")
    if kind not in kinds:
        raise Refused(400, f"type is none of {', '.join(kinds)}.")
    return kind


def _tags(call: Call) -> list[Tag]:
    provider = call.query.get("provider")
    if not provider:
        raise Refused(400, "provider is required.")
    call.world.resources.get(*PROVIDER, provider)
    return call.world.state.tags.setdefault(provider, [])


ROWS = (
    Row("GET", f"{API}/export", export, "2.5"),
    Row("POST", f"{API}/import", import_, "2.5"),
)
