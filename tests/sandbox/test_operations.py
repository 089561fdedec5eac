"""Every operation, called once with success, its answer checked against the documents."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aiosymphony.sandbox import Sandbox
from aiosymphony.sandbox.documents import load, specs_folder

from .conftest import Client, login_jwt

OPERATIONS = {operation.id: operation for operation in load(specs_folder())}


class Runner:
    """Calls operations by id, and remembers which."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.called: set[str] = set()

    async def __call__(self, operation_id: str, json: Any = None, *, expect: int = 200, **values: Any) -> Any:
        operation = OPERATIONS[operation_id]
        headers = values.pop("headers", None)
        path = operation.path
        for parameter in operation.parameters:
            if parameter.where == "path":
                path = path.replace(f"{{{parameter.name}}}", str(values.pop(parameter.name)))
        answer, body = await self.client.send(operation.method, path, json=json, headers=headers, **values)
        assert answer == expect, f"{operation_id}: {answer} {body}"
        self.called.add(operation_id)
        return body


def certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bot")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


async def logins(run: Runner, sandbox: Sandbox) -> None:
    bot, app, none = sandbox.bot, sandbox.app, {}
    token = {"token": login_jwt(bot.username, bot.private_key)}
    answer = await run("login_pubkey_authenticate_post", token, headers=none)
    assert answer["name"] == "sessionToken"
    keyed = await run("relay_pubkey_authenticate_post", token, headers=none)
    assert keyed["name"] == "keyManagerToken"
    assert (await run("sessionauth_v1_authenticate_post", headers=none))["name"] == "sessionToken"
    assert (await run("keyauth_v1_authenticate_post", headers=none))["name"] == "keyManagerToken"
    await run("sessionauth_v1_app_pod_certificate_get", headers=none)
    await run("v1_podcert_get", headers=none)
    app_token = {"token": login_jwt(app.username, app.private_key)}
    as_app = {"sessionToken": (await run("login_pubkey_app_authenticate_post", app_token, headers=none))["token"]}
    user = next(user for user in sandbox.state.users() if user.attributes["accountType"] == "NORMAL")
    by_id = await run("login_pubkey_app_user_user_id_authenticate_post", userId=user.id, headers=as_app)
    whoami = await run("v1_sessioninfo_get", headers={"sessionToken": by_id["token"]})
    assert whoami == {"userId": user.id}
    await run("login_pubkey_app_username_username_authenticate_post", username=user.username, headers=as_app)
    extension = {"appToken": "abc", "authToken": app_token["token"]}
    answer = await run("login_v1_pubkey_app_authenticate_extension_app_post", extension, headers=none)
    assert answer["appToken"] == "abc"
    bearer = await run("login_idm_tokens_post")
    await run("v2_sessioninfo_get", headers={"Authorization": f"Bearer {bearer['access_token']}"})
    keys = await run("login_idm_keys_get", headers=none)
    assert keys["keys"][0]["kty"] == "RSA"
    await run("sessionauth_v1_logout_post", headers={"sessionToken": by_id["token"]})
    await run("v1_sessioninfo_get", headers={"sessionToken": by_id["token"]}, expect=401)


async def users(run: Runner, sandbox: Sandbox) -> None:
    attributes = {"userName": "new", "emailAddress": "new@x.example", "firstName": "N", "lastName": "W"}
    made = await run("v2_admin_user_create_post", {"userAttributes": attributes, "roles": ["INDIVIDUAL"]})
    uid = made["userSystemInfo"]["id"]
    older = {**attributes, "userName": "old", "emailAddress": "old@x.example"}
    other = (await run("v1_admin_user_create_post", {"userAttributes": older}))["userSystemInfo"]["id"]
    for update in ("v2_admin_user_uid_update_post", "v1_admin_user_uid_update_post"):
        assert (await run(update, {"title": update}, uid=uid))["userAttributes"]["title"] == update
    for get in ("v2_admin_user_uid_get", "v1_admin_user_uid_get"):
        assert (await run(get, uid=uid))["userAttributes"]["userName"] == "new"
    for listing in ("v1_admin_user_list_get", "v2_admin_user_list_get"):
        assert len(await run(listing)) == sum(1 for _ in sandbox.state.users())
    assert (await run("v3_admin_user_list_get", includeFeatures=True))[0]["features"]
    found = await run("v1_admin_user_find_post", {"status": "ENABLED", "role": "USER_PROVISIONING"})
    assert [user["userSystemInfo"]["id"] for user in found] == [next(sandbox.state.users()).id]

    assert (await run("v1_admin_user_uid_status_get", uid=uid))["status"] == "ENABLED"
    await run("v1_admin_user_uid_status_update_post", {"status": "DISABLED"}, uid=uid)
    assert (await run("v1_admin_user_uid_status_get", uid=uid))["status"] == "DISABLED"
    await run("v1_admin_user_uid_status_update_post", {"status": "ENABLED"}, uid=uid)
    await run("v1_admin_user_user_id_suspension_update_put", {"suspended": True, "suspensionReason": "r"}, userId=uid)
    assert (await run("v1_admin_user_uid_status_get", uid=uid))["suspended"] is True
    await run("v1_admin_user_user_id_suspension_update_put", {"suspended": False}, userId=uid)
    await run("v1_admin_user_uid_roles_add_post", {"id": "L1_SUPPORT"}, uid=uid)
    await run("v1_admin_user_uid_roles_remove_post", {"id": "L1_SUPPORT"}, uid=uid)
    await run("v1_admin_user_uid_roles_remove_post", {"id": "L1_SUPPORT"}, uid=uid, expect=404)
    assert "INDIVIDUAL" in [role["id"] for role in await run("v1_admin_system_roles_list_get")]
    feature = (await run("v1_admin_system_features_list_get"))[0]
    await run("v1_admin_user_uid_features_update_post", [{"entitlment": feature, "enabled": False}], uid=uid)
    assert {"entitlment": feature, "enabled": False} in await run("v1_admin_user_uid_features_get", uid=uid)
    image = base64.b64encode(b"image").decode()
    await run("v1_admin_user_uid_avatar_update_post", {"image": image}, uid=uid)
    assert str(uid) in (await run("v1_admin_user_uid_avatar_get", uid=uid))[0]["url"]
    await run("v1_admin_user_uid_delegates_update_post", {"userId": other, "action": "ADD"}, uid=uid)
    assert await run("v1_admin_user_uid_delegates_get", uid=uid) == [other]
    disclaimer = (await run("v1_admin_disclaimer_list_get"))[0]["id"]
    await run("v1_admin_user_uid_disclaimer_get", uid=uid, expect=204)
    await run("v1_admin_user_uid_disclaimer_update_post", {"id": disclaimer}, uid=uid)
    assert (await run("v1_admin_user_uid_disclaimer_get", uid=uid))["id"] == disclaimer
    assert (await run("v1_admin_disclaimer_did_get", did=disclaimer))["id"] == disclaimer
    assert await run("v1_admin_disclaimer_did_users_get", did=disclaimer) == [uid]
    await run("v1_admin_user_uid_disclaimer_delete", uid=uid)
    assert await run("v1_admin_disclaimer_did_users_get", did=disclaimer) == []

    assert (await run("v2_user_get", email="NEW@x.example"))["id"] == uid
    await run("v2_user_get", uid=1, expect=204)
    answer = await run("v3_users_get", email="new@x.example,nobody@x.example")
    assert [user["id"] for user in answer["users"]] == [uid]
    assert [error["email"] for error in answer["errors"]] == ["nobody@x.example"]
    assert (await run("v1_user_get", email="new@x.example"))["id"] == uid
    assert (await run("v1_user_name_user_name_get_get", userName="NEW"))["id"] == uid
    assert (await run("v1_user_search_post", {"query": "new"}))["count"] == 1
    await run("v1_user_search_post", {"query": "nobody at all"}, expect=204)

    await run("v1_user_uid_follow_post", {"followers": [other]}, uid=uid)
    assert (await run("v1_user_uid_followers_get", uid=uid))["followers"] == [other]
    assert (await run("v1_user_uid_following_get", uid=other))["following"] == [uid]
    await run("v1_user_uid_unfollow_post", {"followers": [other]}, uid=uid)
    assert (await run("v1_user_uid_followers_get", uid=uid))["count"] == 0
    await run("v1_user_manifest_own_post", {"manifest": '{"a":1}'})
    assert (await run("v1_user_manifest_own_get"))["manifest"] == '{"a":1}'

    headers = await run.client.behalf_of(uid)
    sessions = (await run("v1_users_uid_sessions_get", uid=uid))["sessions"]
    await run("v1_users_uid_sessions_sid_logout_post", uid=uid, sid=sessions[0]["sessionId"])
    await run("v1_sessioninfo_get", headers=headers, expect=401)
    await run.client.behalf_of(uid)
    await run("v1_users_uid_sessions_logout_post", uid=uid)
    await run("v1_users_uid_sessions_get", uid=uid, expect=204)


async def rooms(run: Runner, sandbox: Sandbox) -> None:
    uid = [user.id for user in sandbox.state.users()][1]
    room = await run(
        "v3_room_create_post", {"name": "Desk", "description": "d", "keywords": [{"key": "k", "value": "v"}]}
    )
    rid = room["roomSystemInfo"]["id"]
    await run("v2_room_create_post", {"name": "Desk 2"})
    await run(
        "v1_room_create_post", {"roomAttributes": {"name": "Desk 1"}, "immutableRoomAttributes": {"public": True}}
    )
    for version in ("v1", "v2", "v3"):
        answer = await run(f"{version}_room_id_update_post", {"description": version}, id=rid)
        assert answer["roomAttributes"]["description"] == version
        assert (await run(f"{version}_room_id_info_get", id=rid))["roomSystemInfo"]["id"] == rid
    assert (await run("v3_room_search_post", {"query": "desk", "labels": ["k"]}))["count"] == 1
    assert (await run("v2_room_search_post", {"query": "desk"}, limit=1))["count"] == 3
    await run("v1_room_id_membership_add_post", {"id": uid}, id=rid)
    await run("v1_room_id_membership_promote_owner_post", {"id": uid}, id=rid)
    for version in ("v1", "v2"):
        members = await run(f"{version}_room_id_membership_list_get", id=rid)
        assert {"id": uid, "owner": True, "joinDate": members[1]["joinDate"]} in members
    await run("v1_room_id_membership_demote_owner_post", {"id": uid}, id=rid)
    members = await run("v1_admin_stream_id_membership_list_get", id=rid)
    assert [member["isOwner"] for member in members["members"]] == [True, False]
    await run("v1_room_id_membership_remove_post", {"id": uid}, id=rid)
    assert len(await run("v1_admin_room_id_membership_list_get", id=rid)) == 1
    assert len(await run("v1_admin_room_id_membership_list_get", id=rid, includePastMembers=True)) == 2
    await run("v1_admin_room_id_membership_add_post", {"id": uid}, id=rid)
    await run("v1_admin_room_id_membership_remove_post", {"id": uid}, id=rid)
    for set_active in ("v1_room_id_set_active_post", "v1_admin_room_id_set_active_post"):
        for active in (False, True):
            answer = await run(set_active, id=rid, active=active)
            assert answer["roomSystemInfo"]["active"] is active


async def streams(run: Runner, sandbox: Sandbox) -> None:
    me, one, two = [user.id for user in sandbox.state.users()][:3]
    im = (await run("v1_im_create_post", [one]))["id"]
    assert (await run("v1_im_create_post", [one]))["id"] == im
    mim = (await run("v1_admin_im_create_post", [me, one, two]))["id"]
    message = sandbox.state.add_message(
        mim, one, readers=(two,), attachments=({"fileId": "f", "name": "a.pdf", "size": 3, "content-type": "x/y"},)
    )
    reply = sandbox.state.add_message(mim, two, parent=message.id, relationship="REPLY")
    assert (await run("v1_im_id_update_post", {"pinnedMessageId": message.id}, id=mim))["V1IMAttributes"]
    assert (await run("v1_im_id_info_get", id=mim))["V1IMAttributes"]["pinnedMessageId"] == message.id
    listed = await run("v1_streams_list_post", {"streamTypes": [{"type": "MIM"}]})
    assert [stream["id"] for stream in listed] == [mim]
    assert len(await run("v1_admin_user_uid_streams_list_post", uid=one)) == 2
    assert (await run("v1_streams_sid_info_get", sid=im))["streamAttributes"]["members"] == [me, one]
    assert (await run("v2_streams_sid_info_get", sid=mim))["lastMessageDate"] == reply.created
    assert (await run("v2_admin_streams_list_post", {"streamTypes": [{"type": "IM"}]}))["count"] == 1
    assert (await run("v1_admin_streams_list_post", {"scope": "INTERNAL"}))["count"] > 1
    assert [item["name"] for item in await run("v1_streams_sid_attachments_get", sid=mim)] == ["a.pdf"]
    ids = await run("v2_admin_streams_stream_id_message_ids_get", streamId=mim, limit=1)
    assert (ids["Data"], ids["TotalNumberFound"], ids["nextStartNumber"]) == ([message.id], 2, 1)
    assert (await run("v1_message_mid_status_get", mid=message.id))["read"][0]["userId"] == str(two)
    await run("v1_message_mid_status_get", mid="none", expect=404)
    assert (await run("v1_admin_messages_post", {"messageIds": [message.id]}))[0]["readReceiptCount"] == 1
    receipts = await run("v1_admin_messages_message_id_receipts_get", messageId=message.id)
    assert len(receipts["MessageReceiptDetail"]) == 2
    related = await run("v1_admin_messages_message_id_metadata_relationships_get", messageId=message.id)
    assert related["replies"] == [reply.id]
    await run("v1_admin_messages_message_id_metadata_relationships_get", messageId=reply.id)
    assert (await run("v1_admin_messagesuppression_id_suppress_post", id=message.id))["suppressed"] is True


async def presence(run: Runner, sandbox: Sandbox) -> None:
    me, other = [user.id for user in sandbox.state.users()][:2]
    feed = (await run("v1_presence_feed_create_post"))["id"]
    await run("v2_user_presence_post", {"category": "BUSY"})
    assert (await run("v2_user_presence_post", {"category": "AWAY"}, soft=True))["category"] == "AWAY"
    await run("v1_user_presence_post", {"category": "AVAILABLE"})
    assert (await run("v2_user_presence_get"))["category"] == "AVAILABLE"
    assert await run("v1_user_presence_get") == {"category": "AVAILABLE"}
    await run("v3_user_presence_post", {"userId": other, "category": "IN_A_MEETING"})
    assert (await run("v3_user_uid_presence_get", uid=other))["category"] == "IN_A_MEETING"
    await run("v1_user_uid_presence_post", {"category": "AWAY"}, uid=other)
    for version in ("v1", "v2"):
        assert await run(f"{version}_user_uid_presence_get", uid=other) == {"category": "AWAY"}
    assert [entry["userId"] for entry in await run("v2_users_presence_get", limit=1)] == [me]
    assert [entry["userId"] for entry in await run("v2_users_presence_get", limit=1, lastUserId=me)] == [other]
    assert {"uid": other, "category": "AWAY"} in await run("v1_presence_get")
    await run("v1_user_presence_register_post", [other])
    changes = await run("v1_presence_feed_feed_id_read_get", feedId=feed)
    assert {(change["userId"], change["category"]) for change in changes} == {(me, "AVAILABLE"), (other, "AWAY")}
    assert await run("v1_presence_feed_feed_id_read_get", feedId=feed) == []
    assert await run("v1_presence_feed_feed_id_delete_post", feedId=feed) == {"id": feed}


async def connections(run: Runner, sandbox: Sandbox) -> None:
    me, local = [user.id for user in sandbox.state.users()][:2]
    first, second = [user.id for user in sandbox.state.db.users if user.external]
    body = {"userId": first}
    assert (await run("v1_connection_create_post", {"userId": local}))["status"] == "ACCEPTED"
    assert (await run("v1_connection_create_post", body))["status"] == "PENDING_OUTGOING"
    assert [entry["userId"] for entry in await run("v1_connection_list_get")] == [first]
    theirs = await run.client.behalf_of(first)
    pending = await run("v1_connection_list_get", status="pending_incoming", headers=theirs)
    assert [entry["userId"] for entry in pending] == [me]
    assert (await run("v1_connection_accept_post", {"userId": me}, headers=theirs))["status"] == "ACCEPTED"
    assert (await run("v1_connection_user_user_id_info_get", userId=first))["status"] == "ACCEPTED"
    both = await run("v1_connection_list_get", status="ACCEPTED", userIds=f"{first},{local}")
    assert {entry["userId"] for entry in both} == {first, local}
    await run("v1_connection_user_uid_remove_post", uid=first)
    await run("v1_connection_user_user_id_info_get", userId=first, expect=404)
    await run("v1_connection_create_post", {"userId": second})
    other = await run.client.behalf_of(second)
    assert (await run("v1_connection_reject_post", {"userId": me}, headers=other))["status"] == "REJECTED"
    assert (await run("v1_connection_create_post", {"userId": second}))["requestCounter"] == 2


async def lists(run: Runner, sandbox: Sandbox) -> None:
    manager = await run.client.scoped("profile-manager")
    assert [kind["id"] for kind in (await run("v1_types_get", headers=manager))["data"]] == ["SDL"]
    await run("v1_types_get", headers=await run.client.scoped("sym-files"), expect=401)
    assert (await run("v1_types_type_id_get", typeId="SDL", headers=manager))["ownerType"] == "PLATFORM"
    uid = next(sandbox.state.users()).id
    body = {"type": "SDL", "ownerType": "TENANT", "ownerId": 1, "name": "Desk", "members": [{"memberId": uid}]}
    made = await run("v1_groups_post", body, headers=manager, expect=201)
    named: dict[str, Any] = {"groupId": made["id"], "headers": manager}
    assert (await run("v1_groups_group_id_get", **named)) == made
    added = await run("v1_groups_group_id_member_post", {"member": {"memberId": 7, "memberTenant": 1}}, **named)
    assert [member["memberId"] for member in added["members"]] == [uid, 7]
    assert (await run("v1_groups_group_id_avatar_post", {"image": "aW1hZ2U="}, **named))["profile"]["avatars"]
    change = {**body, "name": "Desks"}
    stale = {**manager, "If-Match": made["eTag"]}
    await run("v1_groups_group_id_put", change, groupId=made["id"], headers=stale, expect=412)
    etag = (await run("v1_groups_group_id_get", **named))["eTag"]
    changed = await run("v1_groups_group_id_put", change, groupId=made["id"], headers={**manager, "If-Match": etag})
    assert (changed["name"], len(changed["members"])) == ("Desks", 1)
    listed = await run("v1_groups_type_type_id_get", typeId="SDL", headers=manager)
    assert [group["id"] for group in listed["data"]] == [made["id"]]
    [shown] = await run("v1_groups_sdl_list_get")
    assert shown == await run("v1_groups_sdl_group_id_get", groupId=shown["groupId"])
    assert await run("v1_groups_sdl_list_get", lastGroupId=shown["groupId"]) == []
    deleted = await run("v1_groups_delete_all_delete", headers=manager)
    assert [group["status"] for group in deleted["data"]] == ["DELETED"]


async def files(run: Runner, _: Sandbox) -> None:
    asked: dict[str, Any] = {"type": "ContentExport", "headers": await run.client.scoped("sym-files")}
    page = await run("files_v1_get", pageSize=10, page=3, **asked)
    assert [file["size"] for file in page] == [1_000_021, 1_000_022, 1_000_023, 1_000_024, 1_000_025]
    assert await run("files_v1_get", pageSize=10, page=4, **asked) == []
    assert (await run("files_v1_file_id_metadata_get", fileId="export-3", **asked))["size"] == 1_000_003
    await run("files_v1_file_id_metadata_get", fileId="none", expect=404, **asked)
    assert (await run("files_v1_file_id_get", fileId="export-3", **asked))["signedUrl"].startswith("https://")


async def apps_by_certificate(run: Runner, sandbox: Sandbox) -> None:
    none: dict[str, str] = {}
    as_app = {"sessionToken": (await run("sessionauth_v1_app_authenticate_post", headers=none))["token"]}
    user = next(user for user in sandbox.state.users() if user.attributes["accountType"] == "NORMAL")
    by_id = await run("sessionauth_v1_app_user_uid_authenticate_post", uid=user.id, headers=as_app)
    assert await run("v1_sessioninfo_get", headers=by_id) == {"userId": user.id}
    await run("sessionauth_v1_app_username_username_authenticate_post", username=user.username, headers=as_app)
    await run("sessionauth_v1_app_user_uid_authenticate_post", uid=1, headers=as_app, expect=404)
    pair = await run("sessionauth_v1_authenticate_extension_app_post", {"appToken": "abc"}, headers=none)
    assert (pair["appId"], pair["appToken"]) == (sandbox.app.username, "abc")
    name = sandbox.app.username
    users = await run("v5_users_apps_group_app_id_get", groupAppId=name, size=2, headers=as_app)
    assert (len(users["users"]), users["page"]["number"], users["page"]["hasNext"]) == (2, 0, True)
    await run("v5_users_apps_group_app_id_get", groupAppId=name, expect=401)


async def administration(run: Runner, sandbox: Sandbox) -> None:
    attributes = {"name": "c", "type": {"type": "OPERATIONSUSER"}, "status": {"type": "TRUSTED"}}
    made = await run("v2_companycert_create_post", {"pem": certificate(), "attributes": attributes})
    print_ = made["companyCertInfo"]["fingerPrint"]
    assert made["companyCertInfo"]["commonName"] == "bot"
    await run("v1_companycert_create_post", {"pem": certificate(), "attributes": {"name": "d"}})
    assert len(await run("v1_companycert_list_get")) == 2
    assert len(await run("v1_companycert_list_get", limit=1, skip=1)) == 1
    assert len(await run("v1_companycert_podmanaged_list_get")) == 1
    assert len(await run("v1_companycert_type_list_post", [{"type": "OPERATIONSUSER"}])) == 1
    await run("v1_companycert_finger_print_update_post", {"name": "e"}, fingerPrint=print_)
    got = await run("v1_companycert_finger_print_get_get", fingerPrint=print_)
    assert got["companyCertAttributes"]["name"] == "e"
    assert len(await run("v1_companycert_finger_print_issued_by_get", fingerPrint=print_)) == 1
    await run("v1_companycert_delete_post", {"id": print_})
    assert len(await run("v1_companycert_list_get")) == 1

    uid = next(sandbox.state.users()).id
    app = (await run("v1_admin_app_create_post", {"applicationInfo": {"name": "Tool"}}))["applicationInfo"]["appId"]
    await run("v1_admin_app_id_update_post", {"description": "better"}, id=app)
    assert (await run("v1_admin_app_id_get_get", id=app))["description"] == "better"
    entry = (await run("v1_admin_app_entitlement_list_get"))[0]
    answer = await run("v1_admin_app_entitlement_list_post", [{**entry, "install": True}])
    assert answer[0]["install"] is True
    assert (await run("v1_admin_user_uid_app_entitlement_list_get", uid=uid))[0]["install"] is True
    own = {"appId": app, "appName": "Tool", "listed": False, "install": False}
    assert await run("v1_admin_user_uid_app_entitlement_list_post", [own], uid=uid) == [own]
    patch = [{"appId": app, "install": "REMOVE", "listed": "TRUE"}]
    answer = await run("v1_admin_user_uid_app_entitlement_list_patch", patch, uid=uid)
    assert answer == [{**own, "install": True, "listed": True}]
    await run("v1_admin_app_id_delete_post", id=app)

    group = (await run("v1_admin_group_list_get"))[0]["id"]
    answer = await run("v1_admin_group_gid_membership_add_post", [uid, 5], gid=group)
    assert (answer["overallResult"], answer["results"][0], bool(answer["results"][1])) == ("FAIL", "", True)
    assert await run("v1_admin_group_gid_membership_list_get", gid=group) == [uid]
    assert (await run("v1_admin_policy_list_get"))[0]["memberCount"] == 1
    answer = await run("v1_admin_group_gid_membership_remove_post", [uid], gid=group)
    assert answer == {"overallResult": "SUCCESS", "results": [""]}

    await run("v1_admin_system_protocols_post", {"scheme": "zoommtg"})
    assert "zoommtg" in await run("v1_admin_system_protocols_list_get")
    await run("v1_admin_system_protocols_scheme_delete", scheme="zoommtg", expect=204)
    assert "zoommtg" not in await run("v2_system_protocols_get")
    await run("file_ext_v1_allowed_extensions_extension_put", {"extension": "svg"}, extension="svg")
    assert ".svg" in await run("v1_files_allowed_types_get")
    page = await run("file_ext_v1_allowed_extensions_get", limit=5)
    rest = await run("file_ext_v1_allowed_extensions_get", limit=5, after=page["paging"]["cursors"]["after"])
    assert "svg" in [row["extension"] for row in rest["data"]]
    assert "after" not in rest["paging"]["cursors"]
    await run("file_ext_v1_allowed_extensions_extension_delete", extension="svg", expect=204)
    assert (await run("v1_languages_get", headers={}))["languages"]
    await run("v1_admin_sso_configuration_get", expect=404)
    await run("v1_admin_sso_configuration_post", {"ssoEnabled": True})
    await run("v1_admin_sso_configuration_patch", {"forceAuthn": True})
    assert await run("v1_admin_sso_configuration_get") == {"ssoEnabled": True, "forceAuthn": True}

    trail = await run("v1_audittrail_privilegeduser_get", startTimestamp=0, limit=2)
    seen = [item["action"] for item in trail["items"]]
    after = trail["pagination"]["cursors"]["after"]
    seen += [
        item["action"]
        for item in (await run("v1_audittrail_privilegeduser_get", startTimestamp=0, after=after))["items"]
    ]
    assert len(seen) > 10
    assert "V1_ADMIN_SSO_CONFIGURATION_POST" in seen


async def companies(run: Runner, sandbox: Sandbox) -> None:
    company = next(iter(sandbox.state.db.companies))
    made = await run(
        "api_v2_companies_post", {"name": "Acme", "vanityName": "acme", "emailDomains": ["acme.example"]}, expect=202
    )
    assert made["state"] == "STARTED"
    assert [entry["id"] for entry in await run("api_v2_companies_get", vanityName="acme")] == [made["id"]]
    assert (await run("api_v2_companies_company_id_get", companyId=made["id"]))["vanityName"] == "acme"
    domains = {"emailDomains": [*company.domains, "more.example"]}
    await run("api_v2_companies_company_id_patch", domains, companyId=company.id)
    await run("api_v2_companies_company_id_patch", domains, companyId=company.id, expect=304)
    user = {"email": "a@more.example", "firstName": "A", "lastName": "B"}
    [created] = await run("api_v2_companies_company_id_users_post", [user], companyId=company.id, expect=201)
    [refused] = await run("api_v2_companies_company_id_users_post", [user], companyId=company.id, expect=207)
    assert refused["error"]["detailErrorCode"] == "40002"
    page = await run("api_v2_companies_company_id_users_get", companyId=company.id)
    assert (page["total"], page["users"][0]["id"]) == (1, created["id"])
    names = {"companyId": company.id, "userId": created["id"]}
    await run("api_v2_companies_company_id_users_user_id_patch", {"active": False}, **names)
    assert (await run("api_v2_companies_company_id_users_user_id_get", **names))["active"] is False


@pytest.mark.symphony_sandbox(users=3, external_users=2, companies=1, trusted_certificate="provisioning-bot")
async def test_every_operation_answers_as_documented(client: Client, symphony_sandbox: Sandbox) -> None:
    run = Runner(client)
    areas = (logins, users, rooms, streams, presence, connections, administration, companies, lists, files)
    for area in (*areas, apps_by_certificate):
        await area(run, symphony_sandbox)
    assert symphony_sandbox.violations == []
    assert set(OPERATIONS) - run.called == set()
