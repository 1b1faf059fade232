"""Playbooks and a data folder for the tests of the command line."""

from pathlib import Path

import pytest

PLAYBOOKS = {
    "tells.yaml": """\
name: Tells
parameters:
  - {name: who, type: string}
  - {name: file, type: string, default: /dev/null}
steps:
  - {id: greet, name: Greet, type: utility.log, parameters: {message: "hello {{ parameter.who }}"}}
  - id: write
    name: Write
    type: utility.python
    parameters:
      script: |
        for number in range(200):
            print("line", number, flush=True)
        Path(r"{{ parameter.file }}").write_text("written")
        print("KEY=value")
""",
    "fails.yaml": """\
name: Fails
steps:
  - {id: fail, name: Fail, type: utility.python, parameters: {script: "raise ValueError('no')"}}
""",
    "sleeps.yaml": """\
name: Sleeps
steps:
  - {id: nap, name: Nap, type: utility.sleep, parameters: {seconds: 600}}
  - {id: tell, name: Tell, type: utility.log, parameters: {message: "up again"}}
""",
    "tidies.yaml": """\
name: Tidies up for long
steps: [{id: nap, name: Nap, type: utility.sleep, parameters: {seconds: 600}}]
on_cancel: [{id: tidy, name: Tidy, type: utility.sleep, parameters: {seconds: 600}}]
""",
    "chatters.yaml": """\
name: Chatters
steps:
  - id: talk
    name: Talk
    type: utility.python
    parameters:
      script: |
        for number in range(4000):
            print("line", number, "x" * 60)
        time.sleep(600)
""",
}


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of playbooks, outside the library."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name, text in PLAYBOOKS.items():
        (folder / name).write_text(text, "utf-8")
    return folder
