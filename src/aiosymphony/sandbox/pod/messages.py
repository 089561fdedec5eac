"""Messages: ids, receipts, relationships and suppression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import evolve

from ..handlers import Call, HttpError, reads, writes
from ..state import Json, Message, now_ms
from .views import display_name

DAY_MS = 24 * 3600 * 1000


def _message(call: Call, name: str, status: int) -> Message:
    message = call.db.messages.get(call.path[name])
    if message is None:
        raise HttpError(status, f"message {call.path[name]} does not exist")
    return message


def in_window(call: Call, messages: Iterable[Message]) -> Iterator[Message]:
    """The messages between the query parameters `since` and `to`, both included."""
    since, to = call.query.get("since", 0), call.query.get("to", now_ms())
    return (message for message in messages if since <= message.created <= to)


@reads("v2_admin_streams_stream_id_message_ids_get")
def message_ids(call: Call) -> Any:
    """The ids of a stream's messages within at most 24 hours."""
    stream = call.stream(call.path["streamId"], status=404)
    if "since" in call.query and call.query.get("to", now_ms()) - call.query["since"] > DAY_MS:
        raise HttpError(422, "since and to are more than 24 hours apart")
    offset = call.query.get("offset", 0)
    limit = call.capped(call.query.get("limit", 50), 1000)
    found = list(in_window(call, call.db.messages.group("stream", stream.id)))
    page = found[offset : offset + limit]
    return {
        "Data": [message.id for message in page],
        "TotalNumberFound": len(found),
        "numberReturned": len(page),
        "nextStartNumber": offset + len(page),
    }


@writes("v1_admin_messagesuppression_id_suppress_post")
def suppress(call: Call) -> Any:
    """Suppress a message."""
    message = _message(call, "id", 400)
    if message.suppressed is None:
        message = evolve(message, suppressed=now_ms())
        call.db.messages.put(message)
    return {"messageId": message.id, "suppressed": True, "suppressionDate": message.suppressed}


def _who(call: Call, uid: int) -> Json:
    user = call.user(uid, local=False)
    return {
        "userId": str(user.id),
        "firstName": user.attributes.get("firstName", ""),
        "lastName": user.attributes.get("lastName", ""),
        "displayName": display_name(user),
        "email": user.email,
        "userName": user.username,
    }


def _recipients(call: Call, message: Message) -> list[int]:
    members = call.db.members.group("stream", message.stream)
    return [member.user for member in members if member.user != message.author]


@reads("v1_message_mid_status_get")
def status(call: Call) -> Any:
    """The users who have received and read a message."""
    message = _message(call, "mid", 404)
    moment = str(message.created)
    unread = [uid for uid in _recipients(call, message) if uid not in message.readers]
    return {
        "author": {**_who(call, message.author), "timestamp": moment},
        "read": [{**_who(call, uid), "timestamp": moment} for uid in message.readers],
        "delivered": [{**_who(call, uid), "timestamp": moment} for uid in unread],
        "sent": [],
    }


def _summary(call: Call, message: Message) -> Json:
    stream = call.stream(message.stream)
    return {
        "creator": {"id": message.author, "name": display_name(call.user(message.author, local=False))},
        "stream": {
            "id": stream.id,
            "name": stream.attributes.get("name", ""),
            "streamType": stream.type,
        },
        "creationDate": message.created,
        "deliveryReceiptCount": len(_recipients(call, message)),
        "readReceiptCount": len(message.readers),
        "emailNotificationCount": 0,
        "downloadReceiptCounts": [{"fileName": str(entry["name"]), "count": 0} for entry in message.attachments],
    }


@reads("v1_admin_messages_post")
def details(call: Call) -> Any:
    """Each of these messages with the number of its receipts."""
    wanted = (call.body or {}).get("messageIds", [])
    if not wanted:
        raise HttpError(422, "messageIds is empty")
    found = []
    for message_id in wanted:
        message = call.db.messages.get(message_id)
        if message is None:
            raise HttpError(404, f"message {message_id} does not exist")
        found.append({"messageId": message.id, **_summary(call, message)})
    return found


@reads("v1_admin_messages_message_id_receipts_get")
def receipts(call: Call) -> Any:
    """The receipts of a message, a page of its recipients at a time."""
    message = _message(call, "messageId", 404)
    page, pagination = call.cursor_page(_recipients(call, message))
    entries = []
    for uid in page:
        user = call.user(uid, local=False)
        given = user.attributes
        entry: Json = {
            "user": {
                "id": user.id,
                "username": user.username,
                "firstName": given.get("firstName", ""),
                "lastName": given.get("lastName", ""),
                "emailAddress": user.email,
            },
            "deliveryReceiptTimestamp": message.created,
            "downloadReceiptCounts": [],
        }
        if uid in message.readers:
            entry["readReceiptTimestamp"] = message.created
        entries.append(entry)
    return {**_summary(call, message), "MessageReceiptDetail": entries, "pagination": pagination}


@reads("v1_admin_messages_message_id_metadata_relationships_get")
def relationships(call: Call) -> Any:
    """What a message answers or forwards, and what answers it."""
    message = _message(call, "messageId", 400)
    related: dict[str, list[str]] = {"REPLY": [], "FORWARD": [], "REPLY_FORM": []}
    for other in call.db.messages:
        if other.parent == message.id and other.relationship in related:
            related[other.relationship].append(other.id)
    value: Json = {
        "messageId": message.id,
        "replies": related["REPLY"],
        "forwards": related["FORWARD"],
        "formReplies": related["REPLY_FORM"],
    }
    if message.parent is not None:
        value["parent"] = {"messageId": message.parent, "relationshipType": message.relationship}
    return value
