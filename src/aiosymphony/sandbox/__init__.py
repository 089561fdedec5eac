"""A stateful fake of Symphony's Pod, Connect and OAuth services, with faults on demand.

It reads the OpenAPI documents and imports nothing of the client, so that both cannot share a mistake.
"""

from .auth import Bot, ClientCredentials
from .faults import Faults
from .serve import serve
from .server import Sandbox
from .state import Options, State
from .stats import Stats

__all__ = ["Bot", "ClientCredentials", "Faults", "Options", "Sandbox", "State", "Stats", "serve"]
