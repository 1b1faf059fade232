"""The file that `itk run --junit` names: tried before the run, written after it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ignition_toolkit.errors import OperatorError

if TYPE_CHECKING:
    from ignition_toolkit.execution.views import ExecutionView


class JunitFile:
    """Where a run is exported to; `prepare` makes one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def prepare(cls, named: str) -> Self:
        """Return the file, after it was tried whether it can be written.

        Its folder is made. An older file is removed, so that nobody takes it for this run's.

        Raises:
            OperatorError: it cannot be written, or is no file.
        """
        if not named:
            raise OperatorError("--junit is empty: name a file, or leave the option out")
        try:
            path = Path(named).expanduser().resolve()
            if path.exists() and not path.is_file():
                raise OperatorError(f"--junit {named}: expected the path of a file, found another")
            path.parent.mkdir(parents=True, exist_ok=True)
            made = cls(path)
            made._write_beside("").unlink()
            path.unlink(missing_ok=True)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OperatorError(
                f"--junit {named}: the file cannot be written: {reason}; name another one"
            ) from error
        return made

    def write(self, execution: ExecutionView) -> None:
        """Write the export, all of it or nothing. Raises OSError."""
        # Imported here: most runs write none.
        from ignition_toolkit.execution.junit import junit_xml

        self._write_beside(junit_xml(execution)).replace(self.path)

    def _write_beside(self, text: str) -> Path:
        beside = self.path.with_name(f".{self.path.name[:200]}.{os.getpid()}.new")
        try:
            beside.write_text(text, "utf-8")
        except BaseException:  # no border: takes away what was begun, and raises again
            beside.unlink(missing_ok=True)
            raise
        return beside
