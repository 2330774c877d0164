# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of ARCHITECTURE.md, read from the source: who imports whom, who writes, who knows check mode."""

from __future__ import annotations

import ast
import importlib
import pathlib
import re
import typing as t

import pytest
import yaml

COLLECTION = pathlib.Path(__file__).resolve().parents[3]
PLUGINS = COLLECTION / "plugins"
UTILS = PLUGINS / "module_utils"
PREFIX = "ansible_collections.community.lxd.plugins."
MODULES = sorted(PLUGINS.glob("modules/*.py"))
UTIL_FILES = sorted(UTILS.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in [*MODULES, *UTIL_FILES]}
NAMES = {path.relative_to(UTILS).as_posix(): path for path in UTIL_FILES}

WRITES = re.compile("(create|update|delete|set|publish|copy|push)_")
"""How the methods of ImageWriter begin that change something on a server."""


def name_of(path: pathlib.Path) -> str:
    return path.relative_to(PLUGINS).as_posix()


def each(paths: t.Iterable[pathlib.Path]) -> list[t.Any]:
    return [pytest.param(path, id=name_of(path)) for path in paths]


def absolute(path: pathlib.Path, node: ast.ImportFrom) -> str:
    """The full name of the package or file that an import is from; of this collection without the prefix."""
    module = node.module or ""
    if not node.level:
        return module.replace(PREFIX, "").replace(PREFIX.rstrip("."), "")
    folder = path.relative_to(PLUGINS).parts[: -node.level]
    return ".".join((*folder, module)).rstrip(".")


def names_from(path: pathlib.Path, node: ast.ImportFrom) -> set[str]:
    """Full names of the modules that one import is from, or of those in a folder that it names."""
    module = absolute(path, node)
    is_folder = (PLUGINS / module.replace(".", "/")).is_dir()
    return {f"{module}.{alias.name}" for alias in node.names} if is_folder else {module}


def imports(path: pathlib.Path) -> set[str]:
    """Full names of the modules that a file imports, wherever it does so; of this collection without the prefix."""
    found: set[str] = set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= names_from(path, node)
    return found


def at_run_time(path: pathlib.Path) -> set[str]:
    """Those of imports() that are not for type checkers only."""
    typing: set[int] = set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            typing |= {id(inner) for inner in ast.walk(node)}
    found: set[str] = set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ImportFrom) and id(node) not in typing:
            found |= names_from(path, node)
    return found


def on_import(path: pathlib.Path) -> set[str]:
    """What is imported as soon as the file is, and not first inside a function."""
    return {absolute(path, node) for node in TREES[path].body if isinstance(node, ast.ImportFrom)}


def roots(path: pathlib.Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def calls(path: pathlib.Path) -> list[tuple[str, str]]:
    """Methods that a file calls, with the last name of what they are called on."""
    found = []
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            found.append((getattr(owner, "attr", getattr(owner, "id", "")), node.func.attr))
    return found


def methods(file: str, name: str) -> list[ast.FunctionDef]:
    """The methods of a class, without those of Python."""
    (found,) = [node for node in TREES[NAMES[file]].body if isinstance(node, ast.ClassDef) and node.name == name]
    return [node for node in found.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("__")]


# folders: what they may import

WIRE, IMAGE = "module_utils._lxd.", "module_utils._image."
PURE = (
    "actions",
    "desired",
    "desired_image",
    "inactive",
    "model",
    "options",
    "options_image",
    "options_prune",
    "options_selection",
    "protocols",
    "times",
)
"""Files of _image that do no I/O, beside those of plan/."""
IO = {
    "io",
    "os",
    "pathlib",
    "requests",
    "shutil",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "time",
    "urllib",
    "urllib3",
}


def folder(name: str) -> list[pathlib.Path]:
    """The files of a folder of module_utils, not of those in it."""
    return sorted(UTILS.glob(f"{name}/*.py"))


@pytest.mark.parametrize("path", each(folder("_lxd")))
def test_the_wire_knows_neither_images_nor_ansible(path: pathlib.Path) -> None:
    assert not {
        name for name in imports(path) if name.startswith(("module_utils._image", "module_utils._run", "modules."))
    }
    assert "ansible" not in roots(path)


@pytest.mark.parametrize("path", each(UTILS.glob("_image/**/*.py")))
def test_images_know_no_ansible(path: pathlib.Path) -> None:
    assert "ansible" not in roots(path)
    assert not {
        name for name in imports(path) if name.startswith(("module_utils._module", "module_utils._run", "modules."))
    }


@pytest.mark.parametrize("path", each([*folder("_image/plan"), *(UTILS / f"_image/{name}.py" for name in PURE)]))
def test_decisions_do_no_io(path: pathlib.Path) -> None:
    assert not roots(path) & IO
    pure = {*(IMAGE + name for name in PURE), IMAGE + "sources.checksum", IMAGE + "sources.oci_manifest"}
    pure |= {WIRE + name for name in ("errors", "json_shapes", "record", "urls")}
    assert {
        name for name in imports(path) if name.startswith("module_utils.") and not name.startswith(IMAGE + "plan.")
    } <= pure
    called = {
        node.func.id for node in ast.walk(TREES[path]) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"open", "print", "input", "exec", "eval"}
    assert not {method for _owner, method in calls(path)} & {"now", "utcnow", "today"}


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("reading", ("apply", "tasks", "sources")),
        ("sources", ("apply", "tasks", "reading", "image_writer", "plan")),
        ("apply", ("tasks", "reading", "sources", "plan")),
    ],
)
def test_folders_know_those_below(name: str, others: tuple[str, ...]) -> None:
    """At run time: a type may come from anywhere."""
    found = {(path.name, used) for path in folder(f"_image/{name}") for used in at_run_time(path)}
    assert not {(file, used) for file, used in found if used.startswith(tuple(IMAGE + other for other in others))}


def test_no_circle_of_imports() -> None:
    """Of what is imported as soon as a file is."""
    graph = {".".join(path.relative_to(PLUGINS).with_suffix("").parts): on_import(path) for path in UTIL_FILES}
    left = dict(graph)
    while left:
        ends = {name for name, used in left.items() if not used & set(left)}
        assert ends, f"these import each other: {sorted(left)}"
        left = {name: used for name, used in left.items() if name not in ends}


@pytest.mark.parametrize(
    "path", each(path for path in [*UTIL_FILES, *MODULES] if name_of(path) != "module_utils/_lxd/record.py")
)
def test_records_are_no_dataclasses(path: pathlib.Path) -> None:
    """They cost each task a millisecond per class."""
    assert "dataclasses" not in imports(path)


@pytest.mark.parametrize("path", each(MODULES))
def test_modules_are_glue(path: pathlib.Path) -> None:
    fronts = {"module_utils._module", "module_utils._run", "module_utils._argument_specs"}
    own = {used for used in imports(path) if used.startswith((IMAGE + "options", IMAGE + "tasks."))}
    assert imports(path) - fronts - own == {"__future__"}
    name = path.stem.replace("lxd_image_", "").replace("lxd_image", "image")
    assert {used for used in own if used.startswith(IMAGE + "tasks.")} - {IMAGE + "tasks.info_simplestreams"} == {
        f"{IMAGE}tasks.{name}"
    }
    (main,) = [node for node in TREES[path].body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    assert t.cast(int, main.end_lineno) - main.lineno < 20


# who does what


WRITER = "module_utils/_image/image_writer.py"


@pytest.mark.parametrize("path", each(path for path in [*UTIL_FILES, *MODULES] if path.parent.name != "apply"))
def test_only_apply_writes(path: pathlib.Path) -> None:
    """The type says the same: an ImageReader has no method that writes. A source is given a writer to create with."""
    asks = {node.attr for node in ast.walk(TREES[path]) if isinstance(node, ast.Attribute)} & {"writer"}
    makes = "ImageWriter" in {
        node.func.id for node in ast.walk(TREES[path]) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    if name_of(path) in (WRITER, "module_utils/_image/image_reader.py"):
        return
    # instances that a failed task has stopped are started by apply/, which the loop calls
    assert (asks, makes) == ({"writer"} if name_of(path) == "module_utils/_image/loop.py" else set(), False)


def test_every_method_that_writes_is_called_so() -> None:
    for file, name, writes in (
        ("_image/image_reader.py", "ImageReader", False),
        ("_image/image_writer.py", "ImageWriter", True),
    ):
        for method in methods(file, name):
            if method.name == "of":
                continue
            called = {
                node.func.attr
                for node in ast.walk(method)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            }
            named_so = bool(WRITES.match(method.name.lstrip("_") + "_"))
            assert (bool(called & {"write", "write_and_wait", "_create"}), named_so) == (writes, writes), method.name


@pytest.mark.parametrize(
    "path", each(path for path in UTIL_FILES if name_of(path) not in (WRITER, "module_utils/_lxd/client.py"))
)
def test_only_the_writer_sends_writes(path: pathlib.Path) -> None:
    assert not {
        (owner, method)
        for owner, method in calls(path)
        if owner in ("client", "_client") and method.startswith("write")
    }
    assert not {method for _owner, method in calls(path)} & {"write_and_wait"}


def code(path: pathlib.Path) -> str:
    """The names in a file, without comments and documentation."""
    names = [getattr(node, field, None) for node in ast.walk(TREES[path]) for field in ("id", "attr", "arg")]
    return " ".join(name for name in names if isinstance(name, str))


@pytest.mark.parametrize("path", each(UTIL_FILES))
def test_only_tasks_know_check_mode(path: pathlib.Path) -> None:
    allowed = path.parent.name == "tasks" or path.name in ("_module.py", "_run.py", "loop.py")
    assert allowed or "check_mode" not in code(path).split()


def test_the_type_of_a_source_is_asked_for_in_one_place() -> None:
    """Everything else asks for what a plan has to know of a source, or calls it."""
    kinds = {"FileSource", "ImageSource", "InstanceSource", "UrlSource"}
    asked = {
        name_of(path)
        for path in UTIL_FILES
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance"
        if {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} & kinds
    }
    assert asked == {"module_utils/_image/sources/content.py"}


@pytest.mark.parametrize("path", each([*UTIL_FILES, *MODULES]))
def test_only_the_glue_exits(path: pathlib.Path) -> None:
    assert bool(re.search(r"\b(fail_json|exit_json|AnsibleModule)\b", code(path))) == (path.name == "_module.py")


# types and shape


@pytest.mark.parametrize("path", each([*UTIL_FILES, *MODULES]))
def test_everything_is_typed(path: pathlib.Path) -> None:
    untyped = []
    for node in ast.walk(TREES[path]):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = [
                *node.args.posonlyargs,
                *node.args.args,
                *node.args.kwonlyargs,
                node.args.vararg,
                node.args.kwarg,
            ]
            named = [argument for argument in arguments if argument is not None and argument.arg not in ("self", "cls")]
            if node.returns is None or any(argument.annotation is None for argument in named):
                untyped.append(node.name)
    assert untyped == []


@pytest.mark.parametrize("path", each([*UTIL_FILES, *MODULES]))
def test_every_file_says_what_it_is(path: pathlib.Path) -> None:
    text = path.read_text()
    assert "SPDX-License-" + "Identifier: GPL-3.0-or-later" in text and "from __future__ import annotations" in text
    if path in UTIL_FILES:
        assert "This is PRIVATE to the collection" in text
        assert ast.get_docstring(TREES[path])


# what is said about the modules


def test_the_action_group_has_all_modules() -> None:
    runtime = yaml.safe_load((COLLECTION / "meta/runtime.yml").read_text())
    assert runtime["action_groups"] == {"lxd": [path.stem for path in MODULES]}


def documentation(name: str, part: str = "") -> dict[str, t.Any]:
    """Of a module, or a part of a fragment."""
    module = importlib.import_module(PREFIX + name)
    text = (
        module.DOCUMENTATION
        if name.startswith("modules.")
        else getattr(module.ModuleDocFragment, part.upper() or "DOCUMENTATION")
    )
    return t.cast("dict[str, t.Any]", yaml.safe_load(text))


def documented_options(path: pathlib.Path) -> dict[str, t.Any]:
    """Also those of its fragments."""
    document = documentation(f"modules.{path.stem}")
    options = dict(document.get("options") or {})
    for fragment in document["extends_documentation_fragment"]:
        own, _prefix, rest = fragment.rpartition("community.lxd.")
        module, _dot, part = rest.partition(".")
        if not own and fragment != rest:  # what ansible.builtin describes, it adds to the arguments itself
            for name, option in (documentation(f"doc_fragments.{module}", part).get("options") or {}).items():
                options[name] = {**option, **options.get(name, {})}
    return options


def comparable(option: dict[str, t.Any], suboptions: str) -> dict[str, t.Any]:
    keys = {"type": "str", "default": None, "choices": None, "elements": None, "required": False, "aliases": []}
    return {
        **{key: option.get(key, default) for key, default in keys.items()},
        "suboptions": {name: comparable(value, suboptions) for name, value in (option.get(suboptions) or {}).items()},
    }


@pytest.mark.parametrize("path", each(MODULES))
def test_the_documentation_is_the_argument_spec(path: pathlib.Path) -> None:
    spec = importlib.import_module(f"{PREFIX}modules.{path.stem}").MODULE.full_spec
    documented = documented_options(path)
    assert sorted(spec) == sorted(documented)
    for name, option in spec.items():
        assert comparable(option, "options") == comparable(documented[name], "suboptions"), name


def test_the_options_of_each_source_type_are_documented() -> None:
    options = importlib.import_module(PREFIX + "module_utils._image.options_image")
    fragment = importlib.import_module(PREFIX + "doc_fragments._image")
    source = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]["source"]
    said = {
        match[1]: set(re.findall(r"O\(source\.(\w+)\)", text))
        for text in source["description"]
        if (match := re.match(r"V\((\w+)\) takes ", text))
    }
    assert said == options._SOURCE_OPTIONS


def test_the_environment_variables_are_documented() -> None:
    front = importlib.import_module(PREFIX + "module_utils._run")
    documented = documentation("doc_fragments._connection")["options"]
    for name, option in front.CONNECTION_SPEC.items():
        variables = option["fallback"][1] if "fallback" in option else [front.SERVER_VARIABLES[name]]
        text = " ".join(documented[name]["description"])
        assert [variable for variable in variables if f"environment variable E({variable})" not in text] == [], name


SECRET = re.compile("key|secret|token|password")


@pytest.mark.parametrize("path", each(MODULES))
def test_secrets_are_not_logged(path: pathlib.Path) -> None:
    def check(spec: dict[str, t.Any]) -> None:
        for name, option in spec.items():
            assert not SECRET.search(name) or option.get("no_log") is not None, name
            check(option.get("options") or {})

    check(importlib.import_module(f"{PREFIX}modules.{path.stem}").MODULE.full_spec)


@pytest.mark.parametrize("path", each(MODULES))
def test_no_managed_setting_has_a_default(path: pathlib.Path) -> None:
    spec = importlib.import_module(f"{PREFIX}modules.{path.stem}").MODULE.spec
    managed = {
        "public",
        "auto_update",
        "expires_at",
        "profiles",
        "properties",
        "aliases",
        "protected",
        "description",
        "target",
    }
    assert [name for name in managed & set(spec) if "default" in spec[name]] == []


@pytest.mark.parametrize("path", each(MODULES))
def test_the_words_of_a_plan_are_documented(path: pathlib.Path) -> None:
    module = importlib.import_module(f"{PREFIX}modules.{path.stem}")
    returned = yaml.safe_load(module.RETURN)
    assert "failure" in returned
    if path.stem == "lxd_image":
        actions = importlib.import_module(PREFIX + "module_utils._image.actions")
        model = importlib.import_module(PREFIX + "module_utils._image.model")
        words = {value.verb for value in vars(actions).values() if isinstance(getattr(value, "token", None), str)} - {
            actions.UpdateAlias.verb
        }
        words |= {value.action for value in vars(model).values() if isinstance(getattr(value, "action", None), str)}
        said = " ".join(returned["actions"]["description"])
        assert sorted(word for word in words if f"V({word})" not in said) == []
