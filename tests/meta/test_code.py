"""House rules for code that no linter of ours knows."""

import ast
import io
import tokenize
import tomllib

from tests.meta.repository import REPO, SRC, package_modules, place

MAX_FUNCTION_LINES = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_no_function_of_the_package_is_over_60_lines() -> None:
    long = [
        f"{place(path, node.lineno)} {node.name}: {lines} lines"
        for path, _, tree in package_modules()
        for node in ast.walk(tree)
        if isinstance(node, Function) and (lines := lines_of(node)) > MAX_FUNCTION_LINES
    ]
    assert not long, "split these:\n" + "\n".join(long)


def lines_of(function: Function) -> int:
    """Count the lines of a function from `def` to its end, without its docstring."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return total
    return total - ((first.end_lineno or first.lineno) - first.lineno + 1)


def test_every_broad_except_says_which_border_it_guards() -> None:
    silent = [
        place(path, node.lineno)
        for path, text, tree in package_modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and is_broad(node) and not ends_in_raise(node)
        if not {node.lineno, node.lineno - 1} & comment_lines(text)
    ]
    assert not silent, (
        "expected a comment that names the border on the line of these broad excepts, or on the "
        "line above:\n" + "\n".join(silent)
    )


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Say whether a handler catches everything."""
    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(names & {"Exception", "BaseException"})


def ends_in_raise(handler: ast.ExceptHandler) -> bool:
    """Say whether a handler only cleans up and always raises again what it caught."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def comment_lines(text: str) -> set[int]:
    """Return the lines that carry a comment which is more than an order to a tool."""
    return {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and says_something(token.string)
    }


def says_something(comment: str) -> bool:
    """Tell `# noqa: BLE001 - the web border` from a bare `# noqa: BLE001`."""
    orders = ("noqa", "type:", "pragma:")
    text = comment.lstrip("# ")
    return not text.startswith(orders) or " - " in text


def test_every_folder_of_the_package_is_a_package() -> None:
    """The import contracts do not see into a folder without __init__.py."""
    folders = {path.parent for path, _, _ in package_modules()}
    open_ones = [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]
    assert not open_ones, f"expected an __init__.py with a docstring in {open_ones}"


def test_every_module_of_the_package_says_what_it_is_for() -> None:
    silent = [place(path, 1) for path, _, tree in package_modules() if not ast.get_docstring(tree)]
    assert not silent, "expected one sentence of purpose at the top of:\n" + "\n".join(silent)


def test_every_module_of_the_package_has_its_place_in_the_layers() -> None:
    config = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    contracts = {contract["id"]: contract for contract in config["contracts"]}
    placed = {
        name.strip(" ()")
        for layer in contracts["layers"]["layers"]
        for name in layer.replace("|", ":").split(":")
    }
    beside = {"janitor", "simulator", "lint", "drill", "testing"}
    found = {path.stem for path in SRC.iterdir() if path.suffix == ".py" or path.is_dir()}
    strangers = found - placed - beside - {"__init__", "__pycache__", "py"}
    assert not strangers, f"say in pyproject.toml where these belong: {sorted(strangers)}"


def test_every_exception_to_the_lint_rules_is_for_a_file_that_exists() -> None:
    config = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))
    patterns = config["tool"]["ruff"]["lint"]["per-file-ignores"]
    unused = [
        pattern
        for pattern in patterns
        if not any(list(REPO.glob(one)) for one in alternatives(pattern))
    ]
    assert not unused, f"take these out of pyproject.toml: {unused}"


def alternatives(pattern: str) -> list[str]:
    """Write out the braces of a pattern: `a/{b,c}` becomes `a/b` and `a/c`."""
    head, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    choices, _, tail = rest.partition("}")
    return [head + choice + tail for choice in choices.split(",")]
