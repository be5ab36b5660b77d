"""The budgets and habits of the house, kept by reading the code."""

import ast
import importlib
import pkgutil
import re
import statistics
import tokenize
from pathlib import Path

import pytest

import atoll

_ROOT = Path(atoll.__file__).parent
_PROJECT = Path(__file__).parents[2]
_OURS = sorted(_ROOT.rglob("*.py"))
_ALL = [
    *_OURS,
    _PROJECT / "__main__.py",
    *sorted((_PROJECT / "tests").rglob("*.py")),
    *sorted((_PROJECT / "bench").rglob("*.py")),
]

MODULE_LINES = 400
FUNCTION_LINES = 40
MEDIAN_LINES = 12
CONSTRUCTOR_LINES = 60
ARGUMENTS = 6
_CODE = re.compile(r"(noqa: ?[A-Z]+[0-9]+|type: ignore\[[a-z-]+)")
_REASON = re.compile(r"noqa: ?[A-Z0-9, ]+? - \w|type: ignore\[[a-z, -]+\] +# ?\w")


def _name(path):
    return str(path.relative_to(_PROJECT)) if path.is_relative_to(_PROJECT) else str(path)


def _functions(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def _lines(function):
    """The lines of a function's body, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def _arguments(function):
    if any(".command(" in ast.unparse(each) for each in function.decorator_list):
        # Those of a command are its options; nobody calls it.
        return []
    found = function.args
    names = [arg.arg for arg in (*found.posonlyargs, *found.args, *found.kwonlyargs)]
    return [name for name in names if name not in {"self", "cls"}]


@pytest.mark.parametrize("path", _OURS, ids=_name)
def test_a_module_says_what_it_is_and_stays_within_its_budget(path):
    text = path.read_text()

    assert len(text.splitlines()) <= MODULE_LINES
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", _OURS, ids=_name)
def test_functions_stay_within_their_budget(path):
    for function in _functions(path):
        where = f"{_name(path)}:{function.lineno}: {function.name}"
        limit = CONSTRUCTOR_LINES if function.name == "__init__" else FUNCTION_LINES
        assert _lines(function) <= limit, where
        assert len(_arguments(function)) <= ARGUMENTS, where


def test_the_ordinary_function_is_short():
    lengths = [_lines(function) for path in _OURS for function in _functions(path)]

    assert statistics.median(lengths) <= MEDIAN_LINES


def _packages():
    yield "atoll"
    for module in pkgutil.walk_packages([str(_ROOT)], "atoll."):
        if module.ispkg:
            yield module.name


@pytest.mark.parametrize("name", list(_packages()))
def test_a_package_exports_what_its_init_imports(name):
    package = importlib.import_module(name)
    tree = ast.parse(Path(str(package.__file__)).read_text())
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if node.module and node.module.startswith("atoll")
    }
    if imported or hasattr(package, "__all__"):
        assert package.__all__ == sorted(package.__all__, key=_order)
        assert imported <= set(package.__all__)
        assert all(hasattr(package, each) for each in package.__all__)


def _order(name):
    """As ruff sorts: constants, classes, the rest."""
    return (not name.isupper(), not name[0].isupper(), name)


@pytest.mark.parametrize("path", _ALL, ids=_name)
def test_what_silences_a_linter_names_a_code_and_a_reason(path):
    with path.open("rb") as stream:
        comments = [token for token in tokenize.tokenize(stream.readline) if token.type == tokenize.COMMENT]
    for comment in comments:
        if re.match(r"#\s*(noqa|type:\s*ignore)", comment.string):
            where = f"{_name(path)}:{comment.start[0]}: {comment.string}"
            assert _CODE.search(comment.string), where
            assert _REASON.search(comment.string), where


_IMPURE = ("pulumi", "boto3", "subprocess", "atoll.core.command", "atoll.host.supervisor")
_PURE = [
    path for path in _OURS if re.search(r"\bPure\.", ast.get_docstring(ast.parse(path.read_text())) or "")
]


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", _PURE, ids=_name)
def test_what_calls_itself_pure_reaches_neither_the_engine_nor_a_program(path):
    for name in _imports(path):
        assert not any(name == impure or name.startswith(f"{impure}.") for impure in _IMPURE), name


def test_there_are_pure_modules_to_look_at():
    assert len(_PURE) > 30
