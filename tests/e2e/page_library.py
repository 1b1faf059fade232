"""Playbooks for the tests of the pages."""

HOSTILE = "<img src=x onerror=alert(1)></textarea><script>alert(1)</script>"

PLAYBOOKS = {
    "steps.yaml": """\
name: Several steps
domain: gateway
description: Waits three times for a very long time
steps:
  - {id: first, name: First, type: utility.sleep, parameters: {seconds: 600}}
  - {id: second, name: Second, type: utility.sleep, parameters: {seconds: 600}}
  - {id: third, name: Third, type: utility.sleep, parameters: {seconds: 600}}
on_cancel:
  - {id: tell, name: Tell, type: utility.log, parameters: {message: called off}}
""",
    "stuck.yaml": """\
name: Spins
steps:
  - id: spin
    name: Spin
    type: utility.python
    parameters:
      script: |
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("spinning", flush=True)
        while True:
            pass
""",
    "hostile.yaml": f"""\
name: "{HOSTILE}"
description: "{HOSTILE}"
parameters: [{{name: text, type: string, default: "{HOSTILE}"}}]
steps:
  - {{id: say, name: "{HOSTILE}", type: utility.log, parameters: {{message: "{HOSTILE}"}}}}
  - id: leave
    name: Leave something
    type: utility.python
    parameters:
      script: |
        import os, pathlib
        print({HOSTILE!r})
        print("TEXT=" + {HOSTILE!r})
  - {{id: wait, name: Wait, type: utility.sleep, parameters: {{seconds: 600}}}}
  - {{id: more, name: More, type: utility.sleep, parameters: {{seconds: 600}}}}
""",
    "talks.yaml": """\
name: Talks a lot
parameters: [{name: lines, type: integer, default: 1200}]
steps:
  - id: talk
    name: Talk
    type: utility.python
    parameters: {script: "for n in range({{ parameter.lines }}): print('line', n)"}
  - {id: warn, name: Warn, type: utility.log, parameters: {message: "Mind the GAP", level: warning}}
  - {id: wait, name: Wait, type: utility.sleep, parameters: {seconds: 600}}
""",
    "counts.yaml": """\
name: Counts fifty times a second
steps:
  - id: count
    name: Count
    type: utility.python
    parameters:
      script: |
        import time
        for n in range(10_000):
            print("line", n, flush=True)
            time.sleep(0.02)
""",
    "floods.yaml": """\
name: Says more than can be read once it is told to
parameters: [{name: folder, type: string}]
steps:
  - id: flood
    name: Flood
    type: utility.python
    parameters:
      script: |
        import pathlib, time
        print("ready", flush=True)
        folder = pathlib.Path("{{ parameter.folder }}")
        while not (folder / "begin").exists():
            time.sleep(0.01)
        for n in range(160):
            print(f"line {n} " + 60_000 * "x", flush=True)
        (folder / "done").touch()
  - {id: wait, name: Wait, type: utility.sleep, parameters: {seconds: 600}}
""",
    "late.yaml": """\
name: Says one thing that matters and much that does not
steps:
  - {id: first, name: First, type: utility.sleep, parameters: {seconds: 600}}
  - {id: warn, name: Warn, type: utility.log, parameters: {message: "Mind the GAP", level: warning}}
  - id: talk
    name: Talk
    type: utility.python
    parameters: {script: "for n in range(12_000): print('line', n)"}
  - {id: wait, name: Wait, type: utility.sleep, parameters: {seconds: 600}}
""",
    "typed.yaml": """\
name: Takes parameters
domain: perspective
description: Waits as long as somebody says
parameters:
  - {name: seconds, type: float, description: how long}
  - {name: tags, type: list, default: [a]}
  - {name: loud, type: boolean, default: true}
  - {name: login, type: credential, default: nobody}
steps:
  - {id: say, name: Say, type: utility.log, parameters: {message: "loud: {{ parameter.loud }}"}}
  - {id: wait, name: Wait, type: utility.sleep, parameters: {seconds: "{{ parameter.seconds }}"}}
""",
    "fails.yaml": """\
name: Fails in the middle
steps:
  - {id: one, name: One, type: utility.log, parameters: {message: one}}
  - {id: two, name: Two, type: utility.python, parameters: {script: "raise SystemExit(3)"}}
  - {id: three, name: Three, type: utility.log, parameters: {message: three}}
""",
    "broken.yaml": """\
name: Does not load
steps:
  - {id: a, name: A, type: utility.slep, parameters: {seconds: 1}}
""",
}
