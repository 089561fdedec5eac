"""aiosymphony auth check."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aiosymphony.sandbox import Sandbox

from .conftest import Run


@pytest.mark.usefixtures("credentials")
@pytest.mark.symphony_sandbox(companies=2)
async def test_says_who_is_logged_in_and_no_secret(run: Run, symphony_sandbox: Sandbox, key: Path) -> None:
    shown, as_json = await run("auth", "check"), await run("auth", "check", "--json")

    assert (shown.code, shown.err) == (0, "")
    pod, connect = shown.out.splitlines()
    assert pod.startswith(f"pod: logged in to {symphony_sandbox.url} as provisioning-bot (provisioning-bot, ")
    assert connect == (
        f"connect: logged in to {symphony_sandbox.url} as client sandbox-client, which sponsors 2 companies"
    )
    assert as_json.json["ok"] is True
    assert [login["api"] for login in as_json.json["logins"]] == ["pod", "connect"]
    for secret in (symphony_sandbox.client_credentials.client_secret, key.read_text()[40:80]):
        assert secret not in shown.out + shown.err + as_json.out + as_json.err
    assert symphony_sandbox.stats.logins == 4


async def test_options_instead_of_the_environment(run: Run, symphony_sandbox: Sandbox, key: Path) -> None:
    bot = symphony_sandbox.bot.username
    done = await run(
        "auth", "check", "--url", symphony_sandbox.url, "--username", bot, "--private-key", str(key), "--json"
    )
    assert done.code == 0, done.err
    assert [login["username"] for login in done.json["logins"]] == [bot]


async def test_an_account_that_is_named_wins_over_a_token(
    run: Run, symphony_sandbox: Sandbox, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMPHONY_SESSION_TOKEN", "stale")
    monkeypatch.setenv("SYMPHONY_POD_URL", symphony_sandbox.url)
    assert (await run("auth", "check")).code == 1
    named = ("--username", symphony_sandbox.bot.username, "--private-key", str(key))
    assert (await run("auth", "check", *named)).code == 0


async def test_a_configuration_file(run: Run, symphony_sandbox: Sandbox, key: Path, tmp_path: Path) -> None:
    port = symphony_sandbox.url.rpartition(":")[2]
    file = tmp_path / "config.yaml"
    file.write_text(
        f"scheme: http\nhost: 127.0.0.1\nport: {port}\nbot:\n  username: {symphony_sandbox.bot.username}\n"
        f"  privateKey:\n    path: {key.name}\n"
    )
    done = await run("auth", "check", "--config", str(file))
    assert done.code == 0, done.err
    assert "as provisioning-bot" in done.out
    both = await run("auth", "check", "--config", str(file), "--username", "x")
    assert both.code == 64
    assert "leave out" in both.err


@pytest.mark.usefixtures("credentials")
async def test_one_that_fails_does_not_hide_the_other(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMPHONY_CLIENT_SECRET", "canary-0451")

    shown, as_json = await run("auth", "check"), await run("auth", "check", "--json")

    assert shown.code == as_json.code == 1
    assert shown.out.startswith("pod: logged in")
    assert shown.err.startswith("aiosymphony: connect: ")
    assert "the login for the bearer" in shown.err
    assert [login["ok"] for login in as_json.json["logins"]] == [True, False]
    assert "canary-0451" not in shown.out + shown.err + as_json.out + as_json.err


@pytest.mark.usefixtures("credentials")
async def test_a_key_that_the_pod_does_not_know(run: Run, key: Path) -> None:
    other = rsa.generate_private_key(65537, 2048)
    key.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    done = await run("auth", "check", "pod")

    assert done.code == 1
    assert "the login for the sessionToken was refused" in done.err


async def test_nothing_configured(run: Run) -> None:
    done = await run("auth", "check")
    assert done.code == 64
    assert "SYMPHONY_POD_URL" in done.err


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "SYMPHONY_POD_URL",
            "acme.symphony.com",
            "SYMPHONY_POD_URL 'acme.symphony.com' is not an absolute https:// URL",
        ),
        ("SYMPHONY_POD_URL", "", "no pod is named: set SYMPHONY_POD_URL, or give --url, --config or --profile"),
        ("SYMPHONY_KEY_MANAGER_URL", "keys", "SYMPHONY_KEY_MANAGER_URL 'keys' is not an absolute https:// URL"),
        ("SYMPHONY_POD_URL", "http://acme.symphony.com", "is plain http"),
        ("SYMPHONY_POD_URL", "https://", "is not an absolute https:// URL"),
        ("SYMPHONY_BOT_USERNAME", "", "SYMPHONY_BOT_USERNAME"),
        ("SYMPHONY_PRIVATE_KEY", "/no/such/key.pem", "'/no/such/key.pem' cannot be read: No such file"),
        ("SYMPHONY_PRIVATE_KEY", __file__, "is not an RSA private key in PEM"),
    ],
)
async def test_settings_that_cannot_be_used(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    done = await run("auth", "check", "pod")
    assert done.code == 64
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("variable", ["SYMPHONY_CONNECT_URL", "SYMPHONY_TOKEN_URL"])
async def test_a_url_of_connect_that_cannot_be_used(run: Run, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "connect")
    done = await run("auth", "check", "connect")
    assert (done.code, done.out) == (64, "")
    assert f"{variable} 'connect' is not an absolute https:// URL" in done.err


@pytest.mark.usefixtures("credentials")
async def test_a_url_of_an_option_that_cannot_be_used(run: Run) -> None:
    done = await run("auth", "check", "pod", "--url", "acme")
    assert (done.code, done.err) == (64, "aiosymphony: pod: --url 'acme' is not an absolute https:// URL\n")


@pytest.mark.usefixtures("credentials")
@pytest.mark.symphony_sandbox(companies=1)
async def test_one_company_is_no_companies(run: Run) -> None:
    assert (await run("auth", "check", "connect")).out.endswith("which sponsors 1 company\n")


async def test_a_server_that_is_not_there(run: Run, key: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = await run("auth", "check", "--url", url, "--username", "bot", "--private-key", str(key))
    assert done.code == 1
    assert "Nothing was sent" in done.err
    assert done.err.count("\n") == 1
