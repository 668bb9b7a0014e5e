"""The rules of the house that lint and types do not hold: sizes, names, docstrings, purity, floors."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("broker", "providers")
FILE_LINES, CATALOGUE_LINES, PROVIDER_LINES = 300, 600, 120
FUNCTION_LINES, CATALOGUE_FUNCTION_LINES = 40, 20
# Pure tables, read by looking one row up: failures, events, configuration models, protocols, views.
CATALOGUES = re.compile(
    r"broker/(?:core/\w*errors|core/records|core/terms|core/openapi/operations|config/(?:client_)?model|store/base|upstream/model|web/pages/views|observe/catalogue/\w+)\.py"
)
PURE = re.compile(
    r"(?:__future__|base64|binascii|collections|contextlib|contextvars|copy|dataclasses|enum|functools|hashlib|hmac|ipaddress|itertools"
    r"|json|math|re|string|struct|types|typing|unicodedata|urllib\.parse|cryptography|jmespath|jwt|msgspec|orjson"
    r"|broker\.core)(?:\.|$)"
)
FENCED_PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
AllDefs = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    """(path, text) of every Python file below `folders`; the path is relative to the root."""
    for path in sorted(chain.from_iterable((ROOT / folder).rglob("*.py") for folder in folders)):
        if not {"node_modules", "__pycache__"} & set(path.parts):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def nodes(*folders: str) -> Iterator[tuple[str, ast.AST]]:
    """(path, node) of every syntax node of every file."""
    for path, text in sources(*folders):
        yield from ((path, node) for node in ast.walk(ast.parse(text)))


def tracked() -> Iterator[tuple[str, str]]:
    """(path, text) of every text file under version control, or about to be."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listing.split("\0")):
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture, a compiled catalogue, or a file that was just removed


def test_a_feature_has_one_word_on_every_floor() -> None:
    words = {"authorize", "clients", "devices", "drf", "grants", "keys", "login", "logout", "notify", "people"}
    words |= {
        "access",
        "arrivals",
        "extra_claims",
        "invitations",
        "operators",
        "posted",
        "sessions",
        "switches",
        "tokens",
        "upstream_events",
        "upstream_tokens",
        "webhooks",
    }
    ground = {
        "core": "deliveries discovery errors events expressions jose openapi records records_before seal terms wire",
        "services": "carried context deliveries once outbound providers rounds",
        "store": "accounts base consents deliveries history migrations outage redis sql sqlite transient",
        "web": "dispatch errors http limits manage meta pages popup routes",
    }
    strange = [
        f"broker/{floor}/{path.name}"
        for floor, others in ground.items()
        for path in (ROOT / "broker" / floor).iterdir()
        if not path.name.startswith("__") and path.stem not in words | set(others.split())
    ]
    assert strange == [], "a feature goes where its word is; a new word is for CONTRIBUTING.md as well"


def imported(node: ast.AST) -> list[str]:
    """The modules an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module or ""]
    return []


def documented(*folders: str) -> dict[str, set[str]]:
    """Class names with the methods whose docstring they or their bases have; of classes of one name, what all have."""
    found: dict[str, list[ast.ClassDef]] = {}
    for _, node in nodes(*folders):
        if isinstance(node, ast.ClassDef):
            found.setdefault(node.name, []).append(node)

    def of_class(node: ast.ClassDef) -> set[str]:
        own = {one.name for one in node.body if isinstance(one, AllDefs) and ast.get_docstring(one)}
        return own.union(*(of_name(base) for base in _bases(node) if base != node.name))

    def of_name(name: str) -> set[str]:
        return set.intersection(*map(of_class, found[name])) if name in found else set()

    return {name: of_name(name) for name in found}


def public_without_docstring(
    tree: ast.Module | ast.ClassDef, promised: Mapping[str, set[str]], inside: str = ""
) -> Iterator[str]:
    """Dotted names of public definitions without a docstring; what starts with an underscore is private, and a test is
    named by its promise.

    A method is as good as documented where a base of its class in the product says what it promises.
    """
    said = set().union(*(promised.get(base, set()) for base in _bases(tree))) if isinstance(tree, ast.ClassDef) else ()
    for node in tree.body:
        if isinstance(node, AllDefs) and not node.name.startswith(("_", "test_")):
            if ast.get_docstring(node) is None and node.name not in said:
                yield inside + node.name
            if isinstance(node, ast.ClassDef):
                yield from public_without_docstring(node, promised, f"{inside}{node.name}.")


def test_no_file_of_the_product_is_longer_than_a_reader_can_hold() -> None:
    allowed = {path: CATALOGUE_LINES if CATALOGUES.fullmatch(path) else FILE_LINES for path, _ in sources(*PRODUCT)}
    too_long = {path: text.count("\n") for path, text in sources(*PRODUCT) if text.count("\n") > allowed[path]}
    assert too_long == {}


def test_a_catalogue_holds_no_logic() -> None:
    long_functions = [
        f"{path}:{node.lineno} {node.name}"
        for path, node in nodes(*PRODUCT)
        if CATALOGUES.fullmatch(path)
        and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > CATALOGUE_FUNCTION_LINES
    ]
    assert long_functions == []


def test_a_provider_says_only_what_is_peculiar_about_its_upstream() -> None:
    too_long = {
        path: text.count("\n")
        for path, text in sources("providers")
        if not path.endswith("__init__.py") and text.count("\n") > PROVIDER_LINES
    }
    assert too_long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = [
        f"{path}:{node.lineno} {node.name} has {lines} lines"
        for path, node in nodes(*PRODUCT)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert too_long == []


def test_every_import_names_its_module_in_full() -> None:
    relative = [
        f"{path}:{node.lineno}"
        for path, node in nodes(*PRODUCT, "tests", "benchmarks")
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


def test_nothing_is_named_for_having_no_better_name() -> None:
    files = [path for path, _ in sources(*PRODUCT, "tests") if Path(path).stem in {"utils", "util", "helpers", "misc"}]
    classes = [
        f"{path}: {node.name}"
        for path, node in nodes(*PRODUCT)
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Manager", "Helper", "Util", "Utils"))
    ]
    assert files + classes == []


def test_everything_public_says_what_it_promises() -> None:
    promised = documented(*PRODUCT)
    silent = [path for path, text in sources(*PRODUCT) if ast.get_docstring(ast.parse(text)) is None]
    for path, text in sources(*PRODUCT):
        silent += [f"{path}: {name}" for name in public_without_docstring(ast.parse(text), promised)]
    assert silent == []


def test_no_docstring_only_names_the_place_where_the_promise_stands() -> None:
    elsewhere = re.compile(r"`?(?:\w+\.)*[A-Z]\w*\.\w+`?\.?")
    pointing = [
        f"{path}:{node.lineno}"
        for path, node in nodes(*PRODUCT)
        if isinstance(node, AllDefs) and elsewhere.fullmatch(ast.get_docstring(node) or "")
    ]
    assert pointing == [], "name the protocol as a base: what it says holds, and need not be said again"


def test_no_certificate_and_no_signature_goes_unverified() -> None:
    switched_off = []
    for path, node in nodes(*PRODUCT):
        off: list[str] = []
        if isinstance(node, ast.Call):
            off = [word.arg or "" for word in node.keywords if _is_false(word.value)]
        if isinstance(node, ast.Dict):
            off = [str(key.value) for key, value in _constant_items(node) if _is_false(value)]
        switched_off += [
            f"{path}: {name}" for name in off if name in {"verify", "verify_ssl", "verify_signature", "ssl"}
        ]
    assert switched_off == []


def test_only_the_command_line_and_the_demo_print() -> None:
    printing = [
        f"{path}:{node.lineno}"
        for path, node in nodes(*PRODUCT)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not path.startswith(("broker/cli/", "broker/demo/"))
    ]
    assert printing == []


def test_what_is_trusted_is_made_in_one_place() -> None:
    made: dict[str, set[str]] = {"VerifiedRedirect": set(), "AuthorizationRequest": set()}
    for path, node in nodes("broker"):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in made:
            made[node.func.id].add(path)
    assert [len(paths) for paths in made.values()] == [1, 1], made
    assert all(path.startswith("broker/core/") for path in set().union(*made.values()))


def test_nothing_waits_by_blocking_the_event_loop() -> None:
    blocking = [
        f"{path}:{node.lineno}"
        for path, node in nodes(*PRODUCT)
        if path != "broker/demo/sample_phone.py"  # a program of its own, beside the demo: it has no loop
        and isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("time", "sleep"), ("requests", "get"), ("urllib", "request")}
    ]
    assert blocking == []


def test_the_core_imports_nothing_that_does_io_or_reads_clock_or_randomness() -> None:
    foreign = [
        f"{path}: {name}" for path, node in nodes("broker/core") for name in imported(node) if not PURE.match(name)
    ]
    opened = [
        f"{path}:{node.lineno} {node.func.id}"
        for path, node in nodes("broker/core")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "input", "print"}
    ]
    assert foreign + opened == []


def test_the_floors_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not for types alone either: two files that need each other are one, or lack a third."""
    modules = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): text for path, text in sources(*PRODUCT)
    }
    needs = {
        name: {one for node in ast.walk(ast.parse(text)) for one in _modules_of(node) if one in modules} - {name}
        for name, text in modules.items()
    }
    while leaves := [name for name, needed in needs.items() if not needed]:
        for name in leaves:
            del needs[name]
        needs = {name: needed - {*leaves} for name, needed in needs.items()}
    assert needs == {}, "these go round in a circle, or need what does"


def test_providers_do_not_know_each_other() -> None:
    acquainted = [
        f"{path}: {name}"
        for path, node in nodes("providers")
        for name in imported(node)
        if name.startswith("providers") and not path.endswith("__init__.py")
    ]
    assert acquainted == []


def test_a_provider_imports_the_sdk_and_nothing_else_of_the_broker() -> None:
    own = re.compile(r"(?:broker|providers)(?:\.|$)")
    plugin = FENCED_PYTHON.findall((ROOT / "docs/how-to/write-a-provider.md").read_text(encoding="utf-8"))
    assert plugin, "the page shows a whole plugin"
    code = [*nodes("providers"), *(("the page", node) for text in plugin for node in ast.walk(ast.parse(text)))]
    wanted = [
        f"{path}:{node.lineno}"
        for path, node in code
        if isinstance(node, ast.Import | ast.ImportFrom) and any(map(own.match, imported(node)))
        if ast.unparse(node) != "from broker import upstream as sdk"
    ]
    assert wanted == []


def test_only_the_command_line_and_tests_know_the_demo() -> None:
    knowing = [
        f"{path}: {name}"
        for path, node in nodes(*PRODUCT)
        for name in imported(node)
        if name.startswith("broker.demo") and not path.startswith(("broker/cli/", "broker/demo/", "broker/testing"))
    ]
    assert knowing == []


def test_the_tree_names_no_machine() -> None:
    somebodys = re.compile(r"(?<![\w.:/])/(?:work|root|home|Users)/[A-Za-z]")
    named = [
        f"{name}:{number}"
        for name, text in tracked()
        if name not in {"uv.lock", "tests/house/test_architecture.py"}
        for number, line in enumerate(text.splitlines(), 1)
        if somebodys.search(line)
    ]
    assert named == []


def test_what_is_left_to_do_has_an_issue_number() -> None:
    promise = re.compile(r"\b(?:TODO|FIXME)\b(?!\(#\d+\))")
    code = (".py", ".html", ".css", ".js", ".mjs", ".yaml", ".yml", ".toml", ".sh")
    bare = [
        f"{name}:{number}"
        for name, text in tracked()
        if name.endswith(code) and name != "tests/house/test_architecture.py"
        for number, line in enumerate(text.splitlines(), 1)
        if promise.search(line)
    ]
    assert bare == []


def test_a_silenced_check_gives_its_reason() -> None:
    silencer = re.compile(r"# (?:type: ignore|noqa|pragma: no cover)(?P<what>[^#]*)(?P<more>#.*)?$")
    unexplained = []
    for path, text in sources(*PRODUCT, "tests"):
        lines = text.splitlines()
        for number, line in enumerate(lines, 1):
            found = silencer.search(line)
            if found is None or path == "tests/house/test_architecture.py":
                continue
            explained = found["more"] or "—" in found["what"] or " - " in found["what"]
            above = number > 1 and lines[number - 2].lstrip().startswith("#")
            if not (explained or above):
                unexplained.append(f"{path}:{number}")
    assert unexplained == []


def test_a_quirk_names_its_upstream_and_when_the_documentation_was_read() -> None:
    vague = []
    for path, text in sources(*PRODUCT):
        dated = re.compile(r"\bread 20\d\d-\d\d\b")
        read_for_all = dated.search(ast.get_docstring(ast.parse(text)) or "")
        for block in re.findall(r"(?:^[^\n#]*#[^\n]*\n)+", text, re.MULTILINE):
            for quirk in re.findall(r"# quirk.*", block):
                if not re.match(r"# quirk\(\w+\): ", quirk) or not (read_for_all or dated.search(block)):
                    vague.append(f"{path}: {quirk}")
    assert vague == []


def test_no_test_patches_the_product() -> None:
    patched = [
        f"{path}: {name}" for path, node in nodes("tests") for name in imported(node) if "mock" in name.split(".")
    ]
    for path, node in nodes("tests"):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr":
            patched += [f"{path}:{node.lineno} {target}" for target in _texts(node) if target.startswith(PRODUCT)]
    assert patched == []


def test_no_test_is_skipped_without_saying_why() -> None:
    silent = []
    for path, node in nodes("tests"):
        if isinstance(node, ast.Attribute) and node.attr in {"skip", "skipif", "xfail"}:
            text = (ROOT / path).read_text(encoding="utf-8").splitlines()
            around = "\n".join(text[max(0, node.lineno - 2) : node.lineno + 3])
            if "reason" not in around and "pytest.skip(" not in around and "#" not in around:
                silent.append(f"{path}:{node.lineno}")
    assert silent == []


def test_test_files_have_names_of_their_own() -> None:
    stems = [Path(path).stem for path, _ in sources("tests") if Path(path).stem not in {"conftest", "__init__"}]
    assert sorted(stems) == sorted(set(stems))


def _modules_of(node: ast.AST) -> list[str]:
    """What an import may load: the module it names, and each name that may be a module inside it."""
    names = imported(node)
    return (
        [*names, *(f"{names[0]}.{alias.name}" for alias in node.names)] if isinstance(node, ast.ImportFrom) else names
    )


def _bases(node: ast.ClassDef) -> list[str]:
    return [ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases]


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def _constant_items(node: ast.Dict) -> Iterator[tuple[ast.Constant, ast.expr]]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant):
            yield key, value


def _texts(call: ast.Call) -> Iterator[str]:
    return (arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))
