"""The content of a new sandbox: its service account and app, and made-up users and companies."""

from __future__ import annotations

from .auth import Bot, public_pem
from .pod.roles import ROLES
from .state import Json, State, now_ms

_FIRST = ("Ada", "Bruno", "Chiara", "Dmitri", "Elena", "Farid", "Grace", "Hiro", "Ines", "Jonas", "Kavya", "Liam",
          "Mei", "Noah", "Olga", "Pedro", "Quynh", "Rosa", "Samir", "Tessa")  # fmt: skip
_LAST = ("Abbott", "Brandt", "Castro", "Dubois", "Eriksen", "Ferrari", "Gupta", "Haddad", "Ito", "Jansen", "Kowalski",
         "Lopez", "Moreau", "Novak", "Okafor", "Petrov", "Quinn", "Rossi", "Schmidt", "Tanaka")  # fmt: skip
_DEPARTMENTS = ("Equities", "Fixed Income", "Operations", "Compliance", "Technology")
DOMAIN = "sandbox.example"


def seed_pod(state: State) -> None:
    """Add the URL schemes, file extensions, disclaimers and information barriers of a new pod."""
    now = now_ms()
    for scheme in ("https", "http", "mailto", "tel", "symphony"):
        state.db.protocols.put({"scheme": scheme})
    for extension in ("pdf", "png", "jpg", "txt", "csv", "xlsx", "docx", "zip"):
        flags = {"scope_internal": True, "scope_external": extension != "zip", "scope_xpod": extension != "zip"}
        state.db.extensions.put({"extension": extension, **flags, "source": "SYSTEM"})
    for number, name in ((1, "Internal use"), (2, "External parties")):
        disclaimer: Json = {"id": str(number), "name": name, "content": f"{name}.", "frequencyInHours": 24}
        flags = {"isDefault": number == 1, "isActive": True}
        state.db.disclaimers.put({**disclaimer, **flags, "createdDate": now, "modifiedDate": now, "format": "TEXT"})
    for group, name in (("Z3JvdXAtYQ", "Research"), ("Z3JvdXAtYg", "Trading")):
        dates = {"createdDate": now, "modifiedDate": now}
        state.db.groups.put({"id": group, "name": name, "active": True, "policies": ["cG9saWN5LTE"], **dates})
    state.db.policies.put(
        {
            "id": "cG9saWN5LTE",
            "policyType": "BLOCK",
            "active": True,
            "groups": ["Z3JvdXAtYQ", "Z3JvdXAtYg"],
            "createdDate": now,
            "modifiedDate": now,
        }
    )


def seed_bot(state: State, bot: Bot) -> None:
    """Add the service account that administers the pod."""
    state.add_user(
        {
            "userName": bot.username,
            "emailAddress": f"{bot.username}@{DOMAIN}",
            "displayName": bot.username,
            "accountType": "SYSTEM",
            "currentKey": {"key": public_pem(bot.private_key)},
        },
        roles=tuple(role for role, kinds in ROLES.items() if "SYSTEM" in kinds),
    )


def seed_app(state: State, app: Bot) -> None:
    """Add the app that may act on behalf of users."""
    state.db.apps.put(
        {
            "applicationInfo": {"appId": app.username, "name": app.username, "publisher": "Sandbox"},
            "permissions": ["ACT_AS_USER"],
            "authenticationKeys": {"current": {"key": public_pem(app.private_key)}},
        }
    )


def seed_users(state: State, count: int, *, external: bool = False) -> None:
    """Add made-up users of this pod, or of another pod with another company."""
    domain, company = (f"partner.{DOMAIN}", "Partner") if external else (DOMAIN, "Sandbox")
    for number in range(count):
        first, last = _FIRST[number % len(_FIRST)], _LAST[number // len(_FIRST) % len(_LAST)]
        name = f"{first}.{last}{number}".lower()
        attributes: Json = {
            "userName": f"partner.{name}" if external else name,
            "emailAddress": f"{name}@{domain}",
            "firstName": first,
            "lastName": last,
            "displayName": f"{first} {last}",
            "companyName": company,
            "department": _DEPARTMENTS[number % len(_DEPARTMENTS)],
            "accountType": "NORMAL",
        }
        state.add_user(attributes, external=external)


def seed_companies(state: State, count: int) -> None:
    """Add companies that are COMPLETED."""
    for number in range(1, count + 1):
        state.add_company(
            f"Company {number}",
            f"company-{number}",
            (f"company-{number}.example",),
            age=state.options.company_seconds,
        )
