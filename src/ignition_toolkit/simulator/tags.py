"""Trees of tags: read and written as JSON, XML and CSV, and merged by a policy.

Source: gateway-api section 2.5. The shapes of XML and CSV are guesses: nobody has captured them.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.etree import ElementTree

POLICIES = ("Abort", "Overwrite", "Rename", "Ignore", "MergeOverwrite")

#: Deeper trees are refused: each level costs the reader a call.
MAX_DEPTH = 64

# Any: JSON values; a tag is an object with `name`, `tagType` and perhaps `tags`.
Tag = dict[str, Any]


class NotTags(Exception):
    """A text holds no tags; the message says why."""


def read_tags(text: bytes, kind: str) -> list[Tag]:
    """Return the tags in a text.

    Args:
        text: of an export; a whole provider, a list, or one tag.
        kind: json, xml or csv.

    Raises:
        NotTags: it is something else.
    """
    try:
        if kind == "xml":
            tags = _from_xml(text)
        elif kind == "csv":
            rows = csv.DictReader(io.StringIO(text.decode("utf-8-sig")))
            tags = [{key: value for key, value in row.items() if key and value} for row in rows]
        else:
            tags = _from_json(json.loads(text))
    except (ValueError, RecursionError, ElementTree.ParseError, csv.Error) as error:
        raise NotTags(f"Unable to read {kind}: {error}") from error
    _check(tags, 0)
    return tags


def write_xml(tag: Tag) -> bytes:
    """Return a tree as XML."""
    text: bytes = ElementTree.tostring(_element(tag), encoding="utf-8", xml_declaration=True)
    return text


def subtree(tags: list[Tag], path: str) -> Tag | None:
    """Return the tag at a path of names with slashes between, None where there is none."""
    found: Tag | None = {"tags": tags}
    for name in path.strip("/").split("/"):
        below = found.get("tags", []) if found else []
        found = next((tag for tag in below if tag["name"] == name), None)
    return found


def merge(into: list[Tag], new: list[Tag], policy: str) -> list[str]:
    """Put tags beside others.

    Args:
        into: changed in place.
        new: what is put there.
        policy: of POLICIES; what is done where a name is taken.

    Returns:
        The names that were taken, where the policy is Abort; the other tags are there.
    """
    failed: list[str] = []
    for tag in new:
        at = next((i for i, one in enumerate(into) if one["name"] == tag["name"]), None)
        if at is None:
            into.append(tag)
        elif tag.get("tagType") == "Folder" and into[at].get("tagType") == "Folder":
            below = into[at].setdefault("tags", [])
            failed += merge(below, tag.get("tags", []), policy)
        elif policy == "Overwrite":
            into[at] = tag
        elif policy == "MergeOverwrite":
            into[at] = {**into[at], **tag}
        elif policy == "Rename":
            into.append({**tag, "name": _free_name(into, tag["name"])})
        elif policy == "Abort":
            failed.append(tag["name"])
    return failed


def _free_name(into: list[Tag], name: str) -> str:
    taken = {tag["name"] for tag in into}
    number = 1
    while (candidate := f"{name}_{number}") in taken:
        number += 1
    return candidate


# Any: a JSON value.
def _from_json(value: Any) -> list[Tag]:
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise NotTags("expected a tag, or a list of tags")
    if value.get("tagType") == "Provider" or ("tags" in value and not value.get("name")):
        return _from_json(value.get("tags", []))
    return [value]


def _from_xml(text: bytes) -> list[Tag]:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise NotTags("a document type is not taken")
    root = ElementTree.fromstring(text)  # noqa: S314 - no document type, see above
    return [_tag(root)] if root.tag == "Tag" else [_tag(one) for one in root.findall("Tag")]


def _tag(element: ElementTree.Element) -> Tag:
    tag: Tag = {"name": element.get("name", ""), "tagType": element.get("type", "AtomicTag")}
    for part in element.findall("Property"):
        tag[part.get("name", "")] = part.text or ""
    if below := [_tag(one) for one in element.findall("Tag")]:
        tag["tags"] = below
    return tag


def _element(tag: Tag, depth: int = 0) -> ElementTree.Element:
    attributes = {"name": str(tag.get("name", "")), "type": str(tag.get("tagType", "AtomicTag"))}
    element = ElementTree.Element("Tags" if depth == 0 else "Tag", attributes if depth else {})
    for key, value in tag.items():
        if key not in ("name", "tagType", "tags") and depth:
            ElementTree.SubElement(element, "Property", {"name": key}).text = str(value)
    for below in tag.get("tags", []):
        element.append(_element(below, depth + 1))
    return element


# Any: a JSON value.
def _check(tags: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotTags(f"more than {MAX_DEPTH} folders inside each other")
    if not isinstance(tags, list):
        raise NotTags("expected a list of tags")
    for tag in tags:
        if not isinstance(tag, dict) or not isinstance(tag.get("name"), str) or not tag["name"]:
            raise NotTags("expected a tag with a name")
        _check(tag.get("tags", []), depth + 1)
