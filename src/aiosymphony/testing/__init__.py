"""For tests of programs that use this SDK.

* Fixtures, which pytest finds wherever aiosymphony is installed: `symphony_sandbox`, `symphony_pod` and
  `symphony_connect`; see `aiosymphony.testing.plugin`.
* `SandboxWithClients` in `aiosymphony.testing.sandbox`: the same without pytest.
* `ScriptedTransport`, which answers from a script and records requests. It needs neither pytest nor a server.
"""

from .scripted import ScriptedTransport, SentRequest, make_response

__all__ = ["ScriptedTransport", "SentRequest", "make_response"]
