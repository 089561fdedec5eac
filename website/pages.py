"""Pages of the site that are not files of ``docs/``, and links that leave it.

CHANGELOG.md, CONTRIBUTING.md, SECURITY.md and the examples stand where people look for them in a checkout. The site has
them as pages, and links to them lead there. The table of operations is made of the generated clients.
"""

from __future__ import annotations

import importlib
import posixpath
import re
import tomllib
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security-policy.md",
    "examples/README.md": "how-to/examples.md",
}
_LINK = re.compile(r"\[([^\]]*)\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")
_OPERATIONS = """# Operations

Every operation of the generated clients. A method in the last column calls it; `call(operation, …)` calls any of
them, as [Call any operation](../how-to/call-any-operation.md) shows. *Repeated* says whether a call whose outcome is
unknown is sent again."""
_SHIM = "https://unpkg.com/iframe-worker/shim"
_INVENTORY = ROOT / "tests" / "architecture" / "public_names.txt"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files of ``docs/``."""
    for source, uri in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        if source == "examples/README.md":
            text = _with_programs(text)
        files.append(File.generated(config, uri, content=_moved(text, source, uri)))
    files.append(File.generated(config, "reference/operations.md", content=_operations()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links from ``docs/`` to files of the checkout lead to their pages."""
    del config, files
    uri = page.file.src_uri
    return markdown if uri in PAGES.values() else _moved(markdown, f"docs/{uri}", uri)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Serve the worker of the search from the site itself."""
    del config
    return output.replace(_SHIM, posixpath.relpath("assets/iframe-worker.js", posixpath.dirname(page.url) or "."))


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """The same for pages without a place, such as that of a wrong address."""
    del template_name, config
    return output_content.replace(_SHIM, "/assets/iframe-worker.js")


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that leaves a public name out; attributes stand in the docstrings of their classes."""
    autorefs = config.plugins["autorefs"]
    missing = []
    for line in _INVENTORY.read_text(encoding="utf-8").splitlines():
        name = re.split("[(:]", line)[0]
        if (
            line.startswith("aiosymphony.")
            and "__" not in line
            and ":" not in line.split("(")[0]
            and not _has(autorefs, name)
        ):
            missing.append(name)
    if missing:
        raise PluginError(f"public names that no page of the reference has: {', '.join(missing)}")


def _has(autorefs: object, name: str) -> bool:
    try:
        autorefs.get_item_url(name)  # type: ignore[attr-defined]
    except KeyError:
        return False
    return True


def _moved(text: str, source: str, uri: str) -> str:
    """Links of a file of the checkout, as they are from its page."""

    def move(link: re.Match[str]) -> str:
        words, path, anchor = link[1], posixpath.normpath(posixpath.join(posixpath.dirname(source), link[2])), link[3]
        if path in PAGES:
            target = PAGES[path]
        elif path.startswith("docs/"):
            target = path.removeprefix("docs/")
        elif path.startswith("examples/"):
            # Programs stand on the page of the examples.
            return f"[{words}](#{Path(path).stem.replace('_', '-')})"
        elif (ROOT / path).exists():
            # Code of the checkout has no page, and no address yet.
            return words
        else:
            raise PluginError(f"{source}: there is no {path}")
        return f"[{words}]({posixpath.relpath(target, posixpath.dirname(uri) or '.')}{anchor or ''})"

    return _LINK.sub(move, text)


def _with_programs(text: str) -> str:
    parts = [text.replace("(users.csv)", "(#users-csv)").rstrip()]
    for program in sorted((ROOT / "examples").glob("*.py")):
        anchor = program.stem.replace("_", "-")
        parts.append(f"## {program.name} {{ #{anchor} }}\n\n```python\n{program.read_text(encoding='utf-8')}```")
    head = (ROOT / "examples" / "users.csv").read_text(encoding="utf-8").splitlines()[:4]
    parts.append("\n".join(["## users.csv { #users-csv }", "", "Its first lines:", "", "```", *head, "```"]))
    return "\n\n".join(parts) + "\n"


def _operations() -> str:
    """A table of all operations for each API, with the method that makes each call."""
    api = importlib.import_module("aiosymphony_api")
    parts = [_OPERATIONS]
    for package in api.PACKAGES:
        folder = "pod" if package.startswith("pod_") else package
        facts = tomllib.loads((ROOT / "specs" / folder / "operations.toml").read_text(encoding="utf-8"))
        operations = importlib.import_module(f"aiosymphony_api.{package}").OPERATIONS
        parts.append(f"## aiosymphony_api.{package}\n\n{len(operations)} operations.")
        rows = ["| operation | request | repeated | method |", "|---|---|---|---|"]
        for operation in operations.values():
            method = facts.get(operation.id, {}).get("facade", "")
            path = operation.path.replace("{", "&#123;").replace("}", "&#125;")
            rows.append(
                f"| `{operation.id}` | {operation.method} <code>{path}</code> "
                f"| {'yes' if operation.idempotent else 'no'} | {f'`{method}`' if method else ''} |"
            )
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"
