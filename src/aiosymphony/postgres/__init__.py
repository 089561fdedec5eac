"""What processes on several machines share through PostgreSQL; needs the extra ``aiosymphony[postgres]``.

::

    limits = Limits(shared=PostgresRate("postgresql://bots@db.example.com/jobs"))
    store = PostgresTokenStore("postgresql://bots@db.example.com/jobs")
    pod = PodClient(url, auth, limits=limits, token_store=store)

The database is prepared by ``aiosymphony store init``.
"""

from __future__ import annotations

from .rate import PostgresRate
from .tokens import PostgresTokenStore

__all__ = ["PostgresRate", "PostgresTokenStore"]
