"""What the templates of the pages may use: words, formats, and values that are the same for all."""

from __future__ import annotations

import json
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined, pass_context
from jinja2.runtime import Context

from ignition_toolkit.execution.views import ExecutionView, StepView
from ignition_toolkit.playbook.models import ExecutionStatus, timestamp
from ignition_toolkit.web import formats
from ignition_toolkit.web.choices import options_for
from ignition_toolkit.web.filters import LEVELS, TIMES
from ignition_toolkit.web.forms import PARAMETER_PREFIX, TOKEN_FIELD, shown_value

#: No style and no eval of its own, which the policy forbids, and an opened part stays open.
HTMX_CONFIG = json.dumps(
    {
        "includeIndicatorCSS": False,
        "history": "reload",
        "prefix": "",
        "morphIgnore": ["data-htmx-powered", "open"],
        "defaultTimeout": 15000,
        "noSwap": [204, 304, "4xx", "5xx"],
    }
)


def environment() -> Environment:
    """Return the templates, read now and never again, in which every value is escaped."""
    folder = files("ignition_toolkit.web") / "templates"
    sources = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
    made = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        htmx_config=HTMX_CONFIG,
        token_field=TOKEN_FIELD,
        prefix=PARAMETER_PREFIX,
        active=formats.ACTIVE,
        progress_facts=_progress_facts,
        effects=formats.EFFECTS,
        words_of=formats.TYPE_WORDS,
        levels=LEVELS,
        statuses=[status.value for status in ExecutionStatus],
        times=[(name, words) for name, (words, _) in TIMES.items()],
    )
    made.filters.update(
        timestamp=timestamp,
        moment=formats.moment,
        duration=formats.duration,
        bytes=formats.byte_size,
        milliseconds=formats.milliseconds,
        shortened=formats.shortened,
        outcome=formats.OUTCOMES.__getitem__,
        source=formats.source_words,
        shown_value=shown_value,
        options_for=options_for,
        elapsed=_elapsed,
        depth=formats.depth,
        is_after_cancel=formats.is_after_cancel,
        in_tree_order=formats.in_tree_order,
    )
    return made


@pass_context
def _elapsed(context: Context, item: ExecutionView | StepView) -> str:
    return formats.elapsed(item, context["now"])


def _progress_facts(item: ExecutionView) -> str:
    """Return what the page's script needs to say how far an execution is, as JSON."""
    fields = {"status", "started_at", "current_step_index", "total_steps", "holds"}
    return item.model_dump_json(include=fields)
