"""Options that several commands of ``aiosymphony provision`` take, and what they have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ConfigError
from ..provisioning.rows.registry import KINDS

__all__ = [
    "AttemptsOption",
    "AuditOption",
    "CompanyOption",
    "ConcurrencyOption",
    "ForceOption",
    "MapOption",
    "MissingOption",
    "ServiceOption",
    "SettleOption",
    "StrictOption",
    "TargetOption",
    "TrustOption",
    "check_absence",
    "job_named",
    "job_of",
]

TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="|".join(KINDS),
        help="; ".join(f"{kind}: {what}" for kind, what in KINDS.items()) + ".",
    ),
]
CompanyOption = Annotated[str | None, typer.Option("--company", help="The company's id (target connect).")]
MapOption = Annotated[
    Path | None, typer.Option("--map", help="TOML or JSON that maps the file's column names to the API's.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Refuse a file with any wrong row.")]
MissingOption = Annotated[
    bool,
    typer.Option(
        "--disable-missing", help="Disable active users that are not in the file, and enable those that are in it."
    ),
]
ServiceOption = Annotated[
    bool, typer.Option("--include-service-accounts", help="Let --disable-missing disable service accounts too.")
]
TrustOption = Annotated[
    bool,
    typer.Option("--trust-keys", help="Take another key for another person, and the same key for the same one."),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Disable more than 5 % of the active users or 100, and ask nothing.")
]
ConcurrencyOption = Annotated[int, typer.Option(min=1, max=1000, help="Requests at once.")]
SettleOption = Annotated[
    float, typer.Option(min=0, help="Seconds to wait before checking whether an interrupted write took effect.")
]
AttemptsOption = Annotated[int, typer.Option(min=1, help="Tries for a row whose outcome stays unknown.")]
AuditOption = Annotated[bool, typer.Option("--audit/--no-audit", help="Compare everything once more at the end.")]


def job_of(file: Path, target: str = "") -> str:
    """The name of a file's job, where a journal holds many: a plan of the file is about the same job."""
    name = file.name.removesuffix(".plan")
    return f"{name}@{target.partition('://')[2] or target}" if target else name


def job_named(text: str) -> str:
    """The name of a job that was given as the job's own, FILE@TARGET, or as its file's path."""
    before, found, _ = text.partition("@")
    return text if found and "/" not in before else job_of(Path(text))


def check_absence(*, disable_missing: bool, include_service_accounts: bool) -> None:
    """Refuse an option that means nothing without another.

    Raises:
        ConfigError: The other is missing.
    """
    if include_service_accounts and not disable_missing:
        raise ConfigError("--include-service-accounts is about users who are not in the file: add --disable-missing")
