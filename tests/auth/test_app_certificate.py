"""An application that logs in with a client certificate, and tokens of a scope."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from aiosymphony import (
    ApiError,
    AuthError,
    CertificateOnBehalfOf,
    ConfigError,
    PodClient,
    RsaAuth,
    StaticToken,
    tenant_of,
)
from aiosymphony.sandbox import Sandbox
from aiosymphony.transport.aiohttp import AiohttpTransport
from aiosymphony_api.profile_manager.models import GroupOwner, GroupStatus, GroupUpdate


class Place:
    """A sandbox that asks for client certificates, and the files of an app that has one."""

    def __init__(self, sandbox: Sandbox, ca_file: Path, certificate: Path) -> None:
        self.sandbox, self.ca_file, self.certificate = sandbox, ca_file, certificate

    def app(self) -> CertificateOnBehalfOf:
        return CertificateOnBehalfOf(self.sandbox.app.username, self.certificate, ca_file=self.ca_file)

    def transport(self) -> AiohttpTransport:
        return AiohttpTransport(ca_file=self.ca_file)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    ca_file, certificate = tmp_path / "ca.pem", tmp_path / "app.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with Sandbox(users=3, ssl_context=context) as sandbox:
        issued = authority.issue_cert("app@example.com", common_name=sandbox.app.username)
        issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
        yield Place(sandbox, ca_file, certificate)


async def test_it_acts_for_users_through_revocation(place: Place) -> None:
    ids = [user.id for user in place.sandbox.state.users()]
    async with PodClient(place.sandbox.url, place.app(), transport=place.transport()) as app:
        for uid in ids:
            assert (await app.on_behalf_of(uid).session.info()).id == uid
        name = (await app.on_behalf_of(ids[0]).session.info()).username
        assert name is not None
        assert (await app.on_behalf_of(username=name).session.info()).id == ids[0]
        operations = place.sandbox.stats.by_operation
        assert operations["sessionauth_v1_app_authenticate_post"] == 1
        assert operations["sessionauth_v1_app_user_uid_authenticate_post"] == len(ids)
        place.sandbox.revoke_tokens()
        assert (await app.on_behalf_of(ids[1]).session.info()).id == ids[1]
        assert operations["sessionauth_v1_app_authenticate_post"] == 2
        with pytest.raises(AuthError, match="there is no such user"):
            await app.on_behalf_of(17).session.info()
        with pytest.raises(ConfigError, match="CertificateOnBehalfOf acts for a user"):
            await app.session.info()


async def test_a_closed_client_of_a_user_leaves_the_app_its_connections(place: Place) -> None:
    first, second, *_ = [user.id for user in place.sandbox.state.users()]
    bot = RsaAuth(place.sandbox.bot.username, place.sandbox.bot.private_key)
    async with PodClient(place.sandbox.url, bot, app=place.app(), transport=place.transport()) as pod:
        async with pod.on_behalf_of(first) as user:
            assert (await user.session.info()).id == first
        assert (await pod.on_behalf_of(second).session.info()).id == second
        assert (await pod.session.info()).username == place.sandbox.bot.username


async def test_it_asks_for_itself_and_for_its_front_end(place: Place) -> None:
    bot = RsaAuth(place.sandbox.bot.username, place.sandbox.bot.private_key)
    async with PodClient(place.sandbox.url, bot, app=place.app(), transport=place.transport()) as pod:
        users = pod.as_app().applications.list_users(place.sandbox.app.username, page_size=2)
        assert [user.user_id async for user in users] == [user.id for user in place.sandbox.state.users()]
        app = pod.extension_app()
        pair = await app.authenticate("made-up-by-the-app")
        assert await app.is_valid("made-up-by-the-app", pair.symphony_token.reveal())
    operations = place.sandbox.stats.by_operation
    assert operations["sessionauth_v1_authenticate_extension_app_post"] == 1
    assert operations["v5_users_apps_group_app_id_get"] == 2


async def test_from_a_file_and_from_the_environment(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = next(place.sandbox.state.users()).id
    host, _, port = place.sandbox.url.removeprefix("https://").partition(":")
    config = tmp_path / "config.yaml"
    config.write_text(
        f"host: {host}\nport: {port}\nssl: {{trustStore: {{path: ca.pem}}}}\n"
        f"app: {{appId: {place.sandbox.app.username}, certificate: {{path: app.pem}}}}\n"
    )
    async with PodClient.from_config(config) as app:
        assert (await app.on_behalf_of(uid).session.info()).id == uid
    monkeypatch.setenv("SYMPHONY_POD_URL", place.sandbox.url)
    monkeypatch.setenv("SYMPHONY_CA_FILE", str(place.ca_file))
    monkeypatch.setenv("SYMPHONY_APP_ID", place.sandbox.app.username)
    monkeypatch.setenv("SYMPHONY_APP_CERTIFICATE", str(place.certificate))
    async with PodClient.from_env() as app:
        assert (await app.on_behalf_of(uid).session.info()).id == uid


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ConfigError, match="the app_id of CertificateOnBehalfOf must be a text that is not empty"):
        CertificateOnBehalfOf("", "app.pem")
    with pytest.raises(ConfigError, match=r"none\.pem"):
        CertificateOnBehalfOf("app", "none.pem")


async def test_a_token_of_a_scope_is_kept_and_renewed() -> None:
    async with Sandbox(users=2) as sandbox:
        bot = RsaAuth(sandbox.bot.username, sandbox.bot.private_key)
        async with PodClient(sandbox.url, bot) as pod:
            files = await pod.files.list(page_size=10).collect()
            assert len({file.id for file in files}) == len(files) == 25
            assert (await pod.files.get("export-3")).size == 1_000_003
            assert await pod.files.download_url("export-3") == "https://storage.sandbox.invalid/export-3?signature=none"
            operations = sandbox.stats.by_operation
            assert (operations["login_idm_tokens_post"], operations["files_v1_get"]) == (1, 4)
            sandbox.revoke_tokens()
            assert (await pod.files.get("export-3")).id == "export-3"
            assert operations["login_idm_tokens_post"] == 3  # one of them with the session that had ended
            assert operations["login_pubkey_authenticate_post"] == 2
            token = await pod.token("bearer.sym-files")
            assert await pod.token("bearer.sym-files") == token
            assert await pod.token("bearer.sym-files", refused=token) != token


async def test_a_distribution_list_from_its_creation_to_its_end() -> None:
    async with Sandbox(users=3) as sandbox:
        ids = [user.id for user in sandbox.state.users()]
        async with PodClient(sandbox.url, RsaAuth(sandbox.bot.username, sandbox.bot.private_key)) as pod:
            groups = pod.groups
            made = await groups.create("Desk", owner_id=tenant_of(ids[0]), user_ids=ids[:2])
            assert [member.member_tenant for member in made.members or ()] == [tenant_of(uid) for uid in ids[:2]]
            grown = await groups.add_member(made.id, ids[2])
            assert len(grown.members or ()) == 3
            assert [group.id async for group in groups.list()] == [made.id]
            [shown] = await groups.list_in_directory().collect()
            assert shown == await groups.get_in_directory(shown.group_id)
            end = GroupUpdate(
                type_="SDL", owner_type=GroupOwner.TENANT, owner_id=1, name="Desk", status=GroupStatus.DELETED
            )
            with pytest.raises(ApiError, match="answered 412"):
                await groups.update(made.id, end, etag=made.e_tag or "")
            assert (await groups.update(made.id, end, etag=grown.e_tag or "")).status == GroupStatus.DELETED
            assert await groups.list(status=GroupStatus.ACTIVE).collect() == []
            assert [kind.id async for kind in groups.list_types()] == ["SDL"]
            assert (await groups.get_type("SDL")).owner_type == GroupOwner.PLATFORM


async def test_a_session_that_is_refused_gives_no_token_of_a_scope() -> None:
    async with Sandbox() as sandbox, PodClient(sandbox.url, StaticToken("stale")) as pod:
        with pytest.raises(AuthError, match=r"the login for the bearer\.sym-files was refused: answered 401"):
            await pod.files.get("export-3")
