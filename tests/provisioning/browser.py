"""A headless Chromium, asked over its DevTools protocol what a page shows."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@attrs.define
class Browser:
    """A page that is open.

    Attributes:
        complaints: What it wrote to the console as an error, and exceptions of its scripts.
    """

    _socket: aiohttp.ClientWebSocketResponse
    complaints: list[str] = attrs.field(factory=list)
    _asked: int = 0

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask, and collect complaints until the answer comes."""
        self._asked += 1
        await self._socket.send_json({"id": self._asked, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=30)
            if message.get("id") == self._asked:
                return dict(message["result"])
            told = message["params"]
            match message["method"]:
                case "Runtime.exceptionThrown":
                    self.complaints.append(str(told["exceptionDetails"]))
                case "Runtime.consoleAPICalled" if told["type"] in ("error", "assert"):
                    self.complaints.append(str(told["args"]))
                case "Log.entryAdded" if told["entry"]["level"] == "error":
                    self.complaints.append(str(told["entry"]))

    async def value(self, expression: str) -> Any:
        """What an expression gives in the page."""
        found = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    async def text(self) -> str:
        """What the page shows."""
        return str(await self.value("document.body.innerText"))

    async def shows(self, *wanted: str) -> str:
        """Wait until the page shows all of these; what it shows then."""
        until = asyncio.get_running_loop().time() + 30
        while True:
            text = await self.text()
            if all(each in text for each in wanted):
                return text
            assert asyncio.get_running_loop().time() < until, f"{wanted} does not come: {text}"
            await asyncio.sleep(0.05)


@asynccontextmanager
async def browser(url: str, folder: Path) -> AsyncIterator[Browser]:
    """A page, opened."""
    assert BROWSER is not None
    profile = folder / "profile"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}"]
    process = await asyncio.create_subprocess_exec(
        BROWSER, *options, "--remote-debugging-port=0", "about:blank", stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        while b"DevTools listening on" not in (line := await process.stderr.readline()):
            assert line, "the browser did not start"
        port = int(line.rpartition(b"127.0.0.1:")[2].partition(b"/")[0])
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                (target,) = [each for each in await response.json() if each["type"] == "page"]
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                made = Browser(socket)
                for domain in ("Runtime", "Log", "Page"):
                    await made.ask(f"{domain}.enable")
                await made.ask("Page.navigate", url=url)
                yield made
    finally:
        process.kill()
        await process.wait()
