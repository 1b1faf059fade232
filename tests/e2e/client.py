"""A small client for the tests: the frozen addresses, as other people's programs call them."""

import time
from collections.abc import Collection
from typing import Any, Self

import httpx2

from tests.polling import pauses

FINAL = frozenset({"cancelled", "completed", "failed", "interrupted"})


class Client:
    """Speaks to one server. JSON objects come back as they are: Any is what JSON holds."""

    def __init__(self, url: str, timeout_s: float = 15.0) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=url, timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str) -> Any:
        """Return what an address gives; raises when it is not a 2xx."""
        return self.http.get(path).raise_for_status().json()

    def start(self, playbook_path: str, **parameters: Any) -> str:
        """Start a playbook of the library; return the execution's id."""
        return self._start({"playbook_path": playbook_path, "parameters": parameters})

    def start_text(self, playbook_text: str, **parameters: Any) -> str:
        """Start a playbook given as text; return the execution's id."""
        return self._start({"playbook_text": playbook_text, "parameters": parameters})

    def _start(self, body: dict[str, Any]) -> str:
        answer = self.http.post("/api/executions", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["execution_id"])

    def cancel(self, execution_id: str) -> float:
        """Cancel by a POST without a body; return the monotonic second before it was sent."""
        asked = time.monotonic()
        answer = self.http.post(f"/api/executions/{execution_id}/cancel")
        assert answer.status_code == 202, answer.text
        return asked

    def execution(self, execution_id: str) -> dict[str, Any]:
        """Return an execution with its steps."""
        found: dict[str, Any] = self.get(f"/api/executions/{execution_id}")
        return found

    def wait(
        self, execution_id: str, until: Collection[str] = FINAL, deadline_s: float = 60.0
    ) -> dict[str, Any]:
        """Return the execution as soon as its status is one of `until`."""
        deadline = time.monotonic() + deadline_s
        for pause in pauses():
            seen = self.execution(execution_id)
            if seen["status"] in until:
                return seen
            assert time.monotonic() < deadline, f"not {sorted(until)} in {deadline_s} s: {seen}"
            assert seen["status"] not in FINAL, f"expected {sorted(until)}, found {seen}"
            time.sleep(pause)
        raise AssertionError("pauses() has no end")
