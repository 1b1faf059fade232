"""What is kept of a page, and given to it: pictures, downloads, files to upload."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ignition_toolkit.browser.evidence import save_picture
from ignition_toolkit.browser.wording import seconds
from ignition_toolkit.errors import StepFailed
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.playbook.unfinished import unfinished
from ignition_toolkit.steps.browser.base import BrowserStep, Strict
from ignition_toolkit.steps.browser.fields import ELEMENT_MS, Selector, Timeout

if TYPE_CHECKING:
    from playwright.async_api import Download as BrowserDownload
    from playwright.async_api import Page

#: Bytes of a name that a page may choose; file systems take 255, and `.part` is added meanwhile.
LONGEST_NAME = 200
LONGEST_ENDING = 20


class Screenshot(BrowserStep):
    """Takes a picture."""

    type = "browser.screenshot"
    summary = "Keep a picture of the page with the execution"
    effect = Effect.READS

    class Params(Strict):
        """What of the page, and what the file is called."""

        name: str = Field(min_length=1, description="the file's name; `.png` is added")
        full_page: bool = Field(False, description="the whole page, not only what is seen of it")
        timeout: Timeout = ELEMENT_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Take a picture; output `path` is the file in the execution's folder.

        A picture shows what the page shows, secrets included. Cancellation: there is no picture.
        """
        path = self.artifact(params["name"], ".png")
        timeout = self.timeout_ms(params["timeout"])
        await save_picture(
            page, path, timeout, self.manager.secret_fields, full_page=params["full_page"]
        )
        return {"path": str(path)}


class Download(BrowserStep):
    """Clicks, and keeps what comes."""

    type = "browser.download"
    summary = "Click an element and keep the file that the page then sends"
    effect = Effect.WRITES
    leaves = "a click that was made before the cancel"

    class Params(Strict):
        """What to click, and what the file is called."""

        selector: Selector
        name: str | None = Field(
            None, min_length=1, description="the file's name; null: as the page calls it"
        )
        timeout: Timeout = ELEMENT_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Click the first element of the selector and wait for the file.

        Outputs `path`, in the execution's folder, `name` as the page calls it, and `size_bytes`. A
        name that the page chooses is cut to 200 bytes and keeps its ending.
        Raises BrowserError when no download begins in time, or it breaks off; StepFailed when it
        began and did not end within as long again, or when there is a file of that name: none is
        replaced. Cancellation: the download is ended, and there is no file.
        """
        timeout = self.timeout_ms(params["timeout"])
        if params["name"]:
            _refuse_to_replace(self.artifact(params["name"]))
        async with page.expect_download(timeout=timeout) as coming:
            await page.locator(params["selector"]).first.click(timeout=timeout)
        download = await coming.value
        # A page chooses the name: only its last part counts.
        name = Path(download.suggested_filename).name
        path = self.artifact(params["name"] or _short(name))
        _refuse_to_replace(path)
        await _save(download, path, self.timeout_ms(params["timeout"]))
        return {"path": str(path), "name": name, "size_bytes": path.stat().st_size}


def _short(name: str) -> str:
    """Return a name that every file system takes; an ending stays whole."""
    ending = Path(name).suffix.encode()
    if len(ending) > LONGEST_ENDING:
        ending = b""
    stem = name.encode().removesuffix(ending)[: LONGEST_NAME - len(ending)]
    return (stem + ending).decode(errors="ignore")


def _refuse_to_replace(path: Path) -> None:
    if path.exists():
        raise StepFailed(
            f"name: expected a name that is free in the execution's folder, found {path}; "
            "give the download another name"
        )


async def _save(download: BrowserDownload, path: Path, timeout_ms: float) -> None:
    """Save under a temporary name, and rename what is whole."""
    part = path.with_name(f"{path.name}.part")
    with unfinished(part):
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await download.save_as(part)
        except TimeoutError as error:
            raise StepFailed(
                f"expected the download of {path.name} to end within {seconds(timeout_ms / 1000)}"
                " s, found it still under way; give the step a longer `timeout`"
            ) from error
        part.replace(path)


class FileUpload(BrowserStep):
    """Gives files to a page."""

    type = "browser.file_upload"
    summary = "Choose a file in a page's file field"
    effect = Effect.WRITES
    leaves = "a chosen file, which some pages send at once"

    class Params(Strict):
        """Which field, and which file."""

        selector: Selector
        file_path: str = Field(
            min_length=1, description="absolute, or relative to the execution's folder"
        )
        timeout: Timeout = ELEMENT_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Choose the file in the first field of the selector; output `file` is its path.

        Raises StepFailed when there is no such file, BrowserError when there is no such field in
        time. Cancellation: as browser.click.
        """
        file = self.context.artifacts / params["file_path"]
        if not file.is_file():
            raise StepFailed(f"file_path: expected a file to upload, found none at {file}")
        await page.locator(params["selector"]).first.set_input_files(
            file, timeout=self.timeout_ms(params["timeout"])
        )
        return {"file": str(file)}
