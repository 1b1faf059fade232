"""Module files (.modl): zip files with a descriptor, as the vendor's SDK makes them."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.etree import ElementTree
from xml.sax.saxutils import escape

DESCRIPTOR = "module.xml"
CERTIFICATES = "certificates.p7b"
LICENSE = "license.html"

#: Of a descriptor and of a licence: more is read of neither.
MAX_TEXT_BYTES = 2**20

PADDING = bytes(range(256)) * 1024


class NotAModule(Exception):
    """The file is no module; the text says what is missing."""


@dataclass(frozen=True)
class ModuleFile:
    """What a module file says of itself."""

    id: str
    name: str
    version: str
    description: str = ""
    vendor: str = ""
    #: Empty for an unsigned one.
    fingerprint: str = ""
    #: HTML, empty for none.
    eula: str = ""


def read_module(file: IO[bytes]) -> ModuleFile:
    """Return what a module file says of itself, without reading its jars.

    Raises:
        NotAModule: it is no zip file, or its descriptor is missing or incomplete.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            if DESCRIPTOR not in names:
                raise NotAModule(f"it has no {DESCRIPTOR}")
            texts = _descriptor(_part(archive, DESCRIPTOR))
            license_name = texts.get("license", LICENSE)
            signed = CERTIFICATES in names
            certificate = _part(archive, CERTIFICATES) if signed else b""
            eula = _part(archive, license_name) if license_name in names else b""
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise NotAModule(f"it is no zip file that can be read: {error}") from error
    return ModuleFile(
        id=texts["id"],
        name=texts["name"],
        version=texts["version"],
        description=texts.get("description", ""),
        vendor=texts.get("vendor", ""),
        fingerprint=hashlib.sha256(certificate).hexdigest() if signed else "",
        eula=eula.decode("utf-8", "replace"),
    )


def make_module(
    path: Path,
    module_id: str,
    version: str = "1.0.0 (b1)",
    *,
    name: str | None = None,
    signed: bool = True,
    eula: str = "",
    size_bytes: int = 0,
) -> Path:
    """Write a module file for tests, and return its path.

    Args:
        path: of the file.
        module_id: as `com.example.line`.
        version: as the gateway shows it.
        name: as the gateway shows it; None for the id.
        signed: whether it has a certificate; all that are made here share one.
        eula: HTML to be accepted, empty for none.
        size_bytes: about how large it is to be, at least.
    """
    described = {"id": module_id, "name": name or module_id, "version": version}
    body = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in described.items())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(DESCRIPTOR, f"<modules><module>{body}</module></modules>")
        if signed:
            archive.writestr(CERTIFICATES, b"a certificate for tests")
        if eula:
            archive.writestr(LICENSE, eula)
        with archive.open("padding.jar", "w", force_zip64=True) as padding:
            for _ in range(0, size_bytes, len(PADDING)):
                padding.write(PADDING)
    return path


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(MAX_TEXT_BYTES)


def _descriptor(data: bytes) -> dict[str, str]:
    if b"<!" in data.replace(b"<!--", b""):
        # A document type may define entities without end.
        raise NotAModule(f"its {DESCRIPTOR} has a document type")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - no document type, see above
    except ElementTree.ParseError as error:
        raise NotAModule(f"its {DESCRIPTOR} is not XML: {error}") from error
    module = root if root.tag == "module" else root.find("module")
    texts = {part.tag: (part.text or "").strip() for part in (module if module is not None else [])}
    if missing := [tag for tag in ("id", "name", "version") if not texts.get(tag)]:
        raise NotAModule(f"its {DESCRIPTOR} has no {', '.join(missing)}")
    return texts
