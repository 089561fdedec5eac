"""List the links that leave the site, and refuse what it would load from elsewhere.

Links are not followed: whether another site is up is no property of this one.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path

_LOADS = {"img": "src", "script": "src", "iframe": "src", "link": "href", "source": "src"}


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.leaving: set[str] = set()
        self.loaded: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if (href := given.get("href")) and tag == "a" and "://" in href:
            self.leaving.add(href)
        if (source := given.get(_LOADS.get(tag, ""))) and ("://" in source or source.startswith("//")):
            self.loaded.add(source)


def main(site: Path) -> int:
    """Print the links, and tell what is loaded from elsewhere."""
    links = _Links()
    for page in sorted(site.rglob("*.html")):
        links.feed(page.read_text(encoding="utf-8"))
    print("\n".join(sorted(links.leaving)))
    for source in sorted(links.loaded):
        print(f"loaded from elsewhere: {source}", file=sys.stderr)
    return 1 if links.loaded else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
