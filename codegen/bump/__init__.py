"""``codegen.sh bump``: takes a new version of a document into the project, and says what is left for a person."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from aiosymphony.apidiff import Diff

from ..apis import Api, read_apis, regenerate
from ..changes import changes_of
from ..document import read_any
from ..files import write_text
from ..naming import identifier, operation_id, tag_name
from ..problem import CodegenError
from ..reading import read_document
from . import changelog, stubs, tables, uses
from .adopt import Adopted, adopt, reached
from .blocks import Json, operations_of
from .wire import base_path

HANDLERS = Path("src/aiosymphony/sandbox")
SANDBOX_TEST = Path("tests/sandbox/test_operations.py")


@dataclass(kw_only=True)
class Bumped:
    """What a bump did.

    Attributes:
        fixed: A line for each fix that was applied.
        notes: A note for each flaw of the document that was mended.
        done: What was written, in sentences.
        left: What is left for a person, in sentences.
    """

    fixed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def bump(
    root: Path,
    files: Sequence[Path],
    *,
    package: str | None = None,
    fixes: Path | None = None,
    keep_words: bool = False,
    removed_is_meant: bool = False,
    types: bool = True,
) -> Bumped:
    """Take a new version of a document into the project.

    What is the same on the wire keeps its text. A second run with the same document changes nothing.

    Args:
        root: The project's folder.
        files: The document as it was published, Swagger 2.0 or OpenAPI 3; several are joined, and the first one counts
            where they differ.
        package: The generated package that it is for; None for the current one whose document has its title.
        fixes: An OpenAPI Overlay that corrects it; None for ``fixes.yaml`` beside the package's document, if any.
        keep_words: Whether its words are our own and may stay.
        removed_is_meant: Whether many operations may go, or the version be a lower one.
        types: Whether to look for uses of what is gone with mypy, too.

    Raises:
        CodegenError: The document cannot be read, no package fits it, or it looks like a part or an older version.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = files[0] if len(files) == 1 else joined(files, Path(folder))
        made = _Bump(root, file, package, fixes, keep_words=keep_words)
    if not removed_is_meant:
        made.check_size()
    return made.run(types=types)


def joined(files: Sequence[Path], folder: Path) -> Path:
    """Write one document of several that have the same form; the first one counts where they differ."""
    first, *others = (read_document(each) for each in files)
    for other in others:
        if other.keys() & {"swagger", "openapi"} != first.keys() & {"swagger", "openapi"}:
            raise CodegenError(str(files[0]), "cannot be joined with one of another form", "Convert one of them.")
        for path, item in other.get("paths", {}).items():
            here = first.setdefault("paths", {}).setdefault(path, {})
            here.update({key: each for key, each in item.items() if key not in here})
        for holder, more in ((first, other), (first.setdefault("components", {}), other.get("components", {}))):
            for section in ("definitions", "parameters", "responses", "schemas", "requestBodies"):
                if section in more:
                    holder[section] = {**more[section], **holder.get(section, {})}
    if not first["components"]:
        del first["components"]
    path = folder / "joined.yaml"
    path.write_text(yaml.safe_dump(first, sort_keys=False), encoding="utf-8")
    return path


class _Bump:
    def __init__(self, root: Path, file: Path, package: str | None, fixes: Path | None, *, keep_words: bool) -> None:
        self.root, self.specs = root, root / "specs"
        self.apis = read_apis(self.specs / "apis.toml")
        self.bumped = Bumped()
        self.api = self._by_title(file) if package is None else self._api(package)
        beside = (self.specs / self.api.document).parent / "fixes.yaml"
        taken = read_any(file, fixes or (beside if beside.exists() else None))
        self.bumped.fixed, self.bumped.notes = taken.fixed, taken.mended
        self.table = self.specs / self.api.operations
        self.old_path = self.specs / self.api.document
        self.old_text = self.old_path.read_text(encoding="utf-8")
        self.old: Json = yaml.load(self.old_text, Loader=yaml.CSafeLoader)
        self.adopted: Adopted = adopt(self.old_text, taken.document, keep_words=keep_words)
        self.facades = self._facades()
        self.diff = self._changes()

    def _changes(self) -> Diff:
        """What the new document changes, for the wire and for Python; nothing is written before it is known."""
        version = str(self.adopted.document["info"]["version"])
        if not re.fullmatch(r"\w[\w.+-]*", version):
            raise CodegenError("#/info/version", f"{version!r} cannot be the name of a file", "Give another by a fix.")
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / f"{version}.yaml"
            written.write_text(self.adopted.text, encoding="utf-8")
            return changes_of(self.root, self.old_path, written)

    def check_size(self) -> None:
        """Refuse a document that looks like a part of the API, or like an older version."""
        gone, count = len(self.adopted.removed), len(operations_of(self.old))
        old, new = (str(each["info"]["version"]) for each in (self.old, self.adopted.document))
        remedy = "If this is meant, say --removed-is-meant."
        if gone * 4 > count:
            raise CodegenError(
                new, f"lacks {gone} of the {count} operations of {old}",
                f"Is it a part? Name the other parts, too: bump FILE FILE. {remedy}",
            )  # fmt: skip
        if _numbers(new) < _numbers(old):
            raise CodegenError("#/info/version", f"is {new}, and the document in use is {old}", remedy)

    def run(self, *, types: bool) -> Bumped:
        self._write_document()
        gone = self._write_table()
        reports, changes = regenerate(self.root, check=False)
        (report,) = [each for each in reports if each.package == self.api.package]
        self.bumped.done.append(f"generated/: {len(changes)} files; {report}")
        if self.api.current and self.api.api != "login":
            self._write_stubs()
            regenerate(self.root, check=False)  # the lock knows the table, which has the names of methods now
        self._write_changelog(gone)
        self._write_words()
        self._find_uses(gone, types=types)
        self.bumped.left += self.adopted.unsaid
        self.bumped.left += [f"{self.new_name}{place}: says TODO" for place in self.adopted.todo]
        self.bumped.left += uses.unwritten(self.root)
        return self.bumped

    # --- which document ---

    def _api(self, package: str) -> Api:
        for api in self.apis:
            if api.package == package:
                return api
        raise CodegenError(
            "--api", f"there is no package {package!r}", f"Use one of {', '.join(each.package for each in self.apis)}."
        )

    def _by_title(self, file: Path) -> Api:
        title = str(read_document(file, keep="last").get("info", {}).get("title", ""))
        known = {str(self._load(api)["info"]["title"]): api for api in self.apis if api.current}
        if title in known:
            return known[title]
        raise CodegenError(
            str(file), f"has the title {title!r}, which no document in specs/ has",
            f"Name its package with --api: one of {', '.join(api.package for api in self.apis)}.",
        )  # fmt: skip

    def _load(self, api: Api) -> Json:
        text = (self.specs / api.document).read_text(encoding="utf-8")
        loaded: Json = yaml.load(text, Loader=yaml.CSafeLoader)
        return loaded

    # --- documents and tables ---

    def _write_document(self) -> None:
        version = str(self.adopted.document["info"]["version"])
        name = f"{Path(self.api.document).parent}/{version}.yaml"
        self.new_name = f"specs/{name}"
        write_text(self.specs / name, self.adopted.text)
        if name != self.api.document and not any(
            each.document == self.api.document for each in self.apis if each.package != self.api.package
        ):
            self.old_path.unlink()
        digest = hashlib.sha256(self.adopted.text.encode()).hexdigest()
        listed = self.specs / "apis.toml"
        text = listed.read_text(encoding="utf-8")
        write_text(listed, tables.with_version(text, self.api.package, document=name, version=version, sha256=digest))
        done = self.adopted
        self.bumped.done.append(
            f"{self.new_name}: {len(done.added)} operations added, {len(done.removed)} removed, "
            f"{len(done.changed)} changed"
        )

    def _write_table(self) -> dict[str, str]:
        """Bring the table of operations up to the documents.

        Returns:
            The facade's method of each operation that is gone, by its id.
        """
        text = self.table.read_text(encoding="utf-8")
        stated = tables.read_table(text, str(self.table))
        documents = self._documents_of_the_table()
        known = {operation_id(*each) for document in documents for each in operations_of(document)}
        removed = {operation_id(*each) for each in self.adopted.removed}
        gone = removed - known
        entries = {}
        for path, method in self.adopted.added:
            operation = self.adopted.document["paths"][path][method]
            if operation_id(path, method) not in stated:
                entries[operation_id(path, method)] = tables.entry(
                    path, method, operation, facade="", base64_fields=_base64_fields(operation, self.adopted.document)
                )
        text = tables.without_facades(tables.without_entries(text, gone), removed & known)
        text = tables.with_entries(text, entries)
        present = _present(stated.get("present", {}), documents)
        text = tables.with_present(text, present)
        write_text(self.table, text)
        name = f"specs/{self.api.operations}"
        self.bumped.done.append(f"{name}: {len(entries)} entries added, {len(gone)} removed")
        for identity in entries:
            self.bumped.left.append(
                f"{name}: [{identity}]: check the kind: it decides whether a call may be sent again"
            )
        self.bumped.left += [f"{name}: [present] had fields of {schema} that are gone" for schema in present]
        return {identity: str(stated.get(identity, {}).get("facade", "")) for identity in removed}

    def _documents_of_the_table(self) -> list[Json]:
        others = [
            each for each in self.apis if each.operations == self.api.operations and each.package != self.api.package
        ]
        return [self.adopted.document, *map(self._load, others)]

    def _facades(self) -> dict[str, str]:
        stated = tables.read_table(self.table.read_text(encoding="utf-8"), str(self.table))
        return {name: str(each.get("facade", "")) for name, each in stated.items() if name != "present"}

    # --- code ---

    def _write_stubs(self) -> None:
        client = "connect" if self.api.api == "connect" else "pod"
        document = self.adopted.document
        tags = {operation_id(*each): str(operation["tags"][0]) for each, operation in operations_of(document).items()}
        touched: set[Path] = set()
        for path, method in self.adopted.added:
            operation = document["paths"][path][method]
            if self.facades.get(operation_id(path, method)):
                continue
            new = stubs.New(path=path, method=method, operation=operation, package=self.api.package)
            alike = [name for name, tag in tags.items() if tag == new.tag and name != new.id]
            home = stubs.home_of(new.tag, client, tags, self.facades)
            if operation.get("deprecated"):
                pass  # reached through `call` alone
            elif home is None:
                self.bumped.left.append(
                    f"{new.id}: its tag {new.tag} is new: choose a resource, write the method, "
                    f"and name it in specs/{self.api.operations}"
                )
            else:
                touched |= self._write_method(new, home)
            touched |= self._write_handler(new, alike)
        if touched:
            _tidy(self.root, sorted(touched))

    def _write_method(self, new: stubs.New, home: stubs.Home) -> set[Path]:
        module, test = self.root / home.module, self.root / home.test
        source = module.read_text(encoding="utf-8")
        builder = self.root / f"generated/aiosymphony_api/{new.package}/api/{tag_name(new.tag)}/{new.id}.py"
        built = builder.read_text(encoding="utf-8")
        name = stubs.name_of_method(new, home, stubs.methods_of(source), answers_a_list="Request[list[" in built)
        facade = f"{home.resource}.{name}"
        self.facades[new.id] = facade
        table = self.table.read_text(encoding="utf-8")
        write_text(self.table, table.replace(f'[{new.id}]\nfacade = ""', f'[{new.id}]\nfacade = "{facade}"'))
        write_text(module, stubs.with_method(source, new, home, name, built))
        self.bumped.done.append(f"{home.module}: the method {name}, for {new.method.upper()} {new.path}")
        paged = tables.paging_of(new.operation)
        left = f"{home.module}: {name}: choose its name (as in specs/{self.api.operations}), and say what it does"
        self.bumped.left.append(f"{left}; it is paged by {paged}: return a Pager" if paged else left)
        if not test.exists():
            self.bumped.left.append(f"{home.test}: does not exist: test {facade} elsewhere")
            return {module}
        base = base_path(self.adopted.document, new.path, new.method)
        text = test.read_text(encoding="utf-8")
        try:
            write_text(test, stubs.with_facade_test(text, new, home, name, base, self.adopted.document))
        except stubs.NoSampleError:
            self.bumped.left.append(f"{home.test}: test what {facade} sends")
            return {module}
        self.bumped.done.append(f"{home.test}: test_{name}_is_sent")
        return {module, test}

    def _write_handler(self, new: stubs.New, alike: list[str]) -> set[Path]:
        sources = {path: path.read_text(encoding="utf-8") for path in (self.root / HANDLERS).rglob("*.py")}
        module = stubs.most_used(sources, alike)
        if module is None:
            self.bumped.left.append(f"{new.id}: write its handler in {HANDLERS}, and call it in {SANDBOX_TEST}")
            return set()
        touched = {module}
        name = module.relative_to(self.root)
        if f'"{new.id}"' not in sources[module]:
            write_text(
                module, stubs.with_handler(sources[module], new, self.facades.get(new.id, new.id).rpartition(".")[2])
            )
            self.bumped.done.append(f"{name}: a handler for {new.method.upper()} {new.path}, which answers 501")
            self.bumped.left.append(f"{name}: write the handler of {new.id}")
        test = self.root / SANDBOX_TEST
        if test.exists() and f'"{new.id}"' not in (text := test.read_text(encoding="utf-8")):
            area = stubs.area_of(text, alike)
            write_text(test, stubs.with_sandbox_test(text, new, area, alike, self.adopted.document))
            self.bumped.left.append(f"{SANDBOX_TEST}: call {new.id} as the handler wants it, and assert the answer")
            touched.add(test)
        return touched

    # --- words ---

    def _write_changelog(self, gone: Mapping[str, str]) -> None:
        folder = self.root / "changelog.d"
        is_new = self.adopted.document["info"]["version"] != self.old["info"]["version"]
        if not self.diff.changes or not is_new or not folder.is_dir():
            return
        after, before = (
            {f"{method.upper()} {path}": operation_id(path, method) for path, method in operations_of(document)}
            for document in (self.adopted.document, self.old)
        )
        written = changelog.entry(
            self.diff,
            {where: self.facades.get(identity, "") for where, identity in after.items()},
            {where: gone.get(identity, "") for where, identity in before.items()},
        )
        version = str(self.adopted.document["info"]["version"])
        name = f"+{self.api.package}-{version}.{'changed' if self.diff.breaking else 'added'}.md"
        write_text(folder / name, written)
        self.bumped.done.append(f"changelog.d/{name}: what changes, to be put into words")

    def _write_words(self) -> None:
        """Bring pages up to the document: its name, and in README.md its version and its number of operations."""
        old_name = f"specs/{self.api.document}"
        for page in sorted((self.root / "docs").rglob("*.md")):
            text = page.read_text(encoding="utf-8")
            if old_name in text and not self.old_path.exists():
                write_text(page, text.replace(old_name, self.new_name))
                self.bumped.done.append(f"{page.relative_to(self.root)}: names {self.new_name}")
        path = self.root / "README.md"
        if path.exists():
            title = str(self.old["info"]["title"])
            was, now = (
                f"{len(operations_of(each))} operations of the {title} {each['info']['version']}"
                for each in (self.old, self.adopted.document)
            )
            text = path.read_text(encoding="utf-8")
            if was != now and was in text:
                write_text(path, text.replace(was, now))
                self.bumped.done.append(f"README.md: {now}")

    def _find_uses(self, gone: Mapping[str, str], *, types: bool) -> None:
        """Say which lines use what is gone, and which methods stand before something that is otherwise now."""
        sought = uses.Sought(root=self.root)
        sought.add(*gone)
        for name in filter(None, gone.values()):
            sought.add_method(name, self.facades.values())
        for each in self.diff.changes:
            if each.what == "removed" and each.kind in ("model", "enum"):
                sought.add(each.where)
            elif each.what == "removed" and each.kind in ("field", "value"):
                python = identifier(each.name)
                names = f'"{each.name}"', f"{python}=", f".{python}"
                if python != each.name:
                    sought.add(*names)
                else:
                    near = {each.where, *_operations_with(self.old, each.where)}
                    sought.add_common(f"`{each.where}.{python}`", *names, near=near)
            elif each.breaking and each.what == "changed":
                facade = (
                    self.facades.get(operation_id(*reversed(each.where.lower().split(" ", 1))), "")
                    if " " in each.where
                    else ""
                )
                what = f"{each.where} {each.name}".strip()
                self.bumped.left.append(f"{facade or what}: {f'{what}: ' if facade else ''}{each.detail}")
        self.bumped.left += [f"{line}  <- uses what is gone" for line in sought.lines()]
        self.bumped.left += [f"{line}  <- some of them use what is gone" for line in sought.counts()]
        if types:
            self.bumped.left += uses.type_errors(self.root)


def _operations_with(document: Json, schema: str) -> set[str]:
    """The ids of the operations whose bodies or answers hold a schema."""
    return {
        operation_id(path, method)
        for (path, method), operation in operations_of(document).items()
        if schema in reached([operation], document)
    }


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _base64_fields(operation: Json, document: Json) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    fields = document["components"]["schemas"].get(name, {}).get("properties", {})
    return [each for each in ("messageIds", "pinnedMessageId") if each in fields]


def _present(stated: Mapping[str, list[str]], documents: list[Json]) -> dict[str, list[str]]:
    """The entries of ``[present]`` that name what no document has any more, as they should be."""
    changed = {}
    for schema, fields in stated.items():
        known = set().union(*(set(_fields(document, schema)) for document in documents))
        if kept := [each for each in fields if each in known]:
            if kept != fields:
                changed[schema] = kept
        else:
            changed[schema] = []
    return changed


def _fields(document: Json, name: str) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    waiting = [schemas.get(name, {})]
    while waiting:
        schema = waiting.pop()
        if "$ref" in schema:
            schema = schemas[str(schema["$ref"]).rpartition("/")[2]]
        yield from schema.get("properties", ())
        waiting.extend(schema.get("allOf", ()))


def _tidy(root: Path, files: list[Path]) -> None:
    ruff = [sys.executable, "-m", "ruff"]
    names = [str(each) for each in files]
    subprocess.run([*ruff, "check", "--quiet", "--select", "I,F401", "--fix-only", *names], cwd=root, check=True)
    subprocess.run([*ruff, "format", "--quiet", *names], cwd=root, check=True)
