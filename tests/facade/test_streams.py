"""pod.streams. What becomes of stream ids is in test_ids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from aiosymphony import ConfigError, PaginationError, PodClient
from aiosymphony.sandbox import Sandbox
from aiosymphony.testing import SentRequest, make_response
from aiosymphony.transport import Response

from .wire import Wire, sent


@pytest.mark.parametrize(
    ("call", "answer", "request_"),
    [
        (lambda streams: streams.get("s"), {}, sent("GET", "/pod/v2/streams/s/info")),
        (lambda streams: streams.list().first(), [], sent("POST", "/pod/v1/streams/list?skip=0&limit=1000", {})),
        (
            lambda streams: streams.list(types=["IM", "ROOM"], include_inactive=True, page_size=9).first(),
            [],
            sent(
                "POST",
                "/pod/v1/streams/list?skip=0&limit=9",
                {"streamTypes": [{"type": "IM"}, {"type": "ROOM"}], "includeInactiveStreams": True},
            ),
        ),
        (
            lambda streams: streams.list_for_user(7, types=["MIM"]).first(),
            [],
            sent(
                "POST", "/pod/v1/admin/user/7/streams/list?skip=0&limit=1000", {"streamTypes": [{"type": "MIM"}]}
            ),
        ),
        (
            lambda streams: streams.admin_list(
                types=["ROOM"], scope="INTERNAL", origin="EXTERNAL", status="ACTIVE", privacy="PRIVATE",
                start_date=1, end_date=2,
            ).first(),
            {},
            sent(
                "POST",
                "/pod/v2/admin/streams/list?skip=0&limit=100",
                {
                    "streamTypes": [{"type": "ROOM"}],
                    "scope": "INTERNAL",
                    "origin": "EXTERNAL",
                    "status": "ACTIVE",
                    "privacy": "PRIVATE",
                    "startDate": 1,
                    "endDate": 2,
                },
            ),
        ),
        (
            lambda streams: streams.list_members("s", page_size=3).first(),
            {},
            sent("GET", "/pod/v1/admin/stream/s/membership/list?skip=0&limit=3"),
        ),
        (
            lambda streams: streams.list_attachments("s", since=1, to=2).first(),
            [],
            sent("GET", "/pod/v1/streams/s/attachments?since=1&to=2&limit=100&sortDir=ASC"),
        ),
        (lambda streams: streams.create_im(iter([1, 2])), {}, sent("POST", "/pod/v1/im/create", [1, 2])),
        (lambda streams: streams.admin_create_im([1, 2]), {}, sent("POST", "/pod/v1/admin/im/create", [1, 2])),
        (lambda streams: streams.get_im("s"), {}, sent("GET", "/pod/v1/im/s/info")),
        (
            lambda streams: streams.update_im("s", pinned_message_id="m"),
            {},
            sent("POST", "/pod/v1/im/s/update", {"pinnedMessageId": "m"}),
        ),
    ],
)  # fmt: skip
async def test_what_is_sent(
    wire: Wire, call: Callable[[Any], Awaitable[object]], answer: Any, request_: tuple[str, str, Any]
) -> None:
    wire.answers(answer)
    await call(wire.pod.streams)
    assert wire.sent == [request_]


async def test_204_is_an_empty_listing(wire: Wire) -> None:
    wire.answers(make_response(204))
    assert await wire.pod.streams.list().collect() == []
    assert await wire.pod.streams.list_for_user(7).collect() == []


async def test_creating_an_im_is_repeated_as_it_is_found_again(wire: Wire) -> None:
    wire.answers(make_response(503), {"id": "im"})
    assert (await wire.pod.streams.create_im([7])).id == "im"
    assert len(wire.requests) == 2


@pytest.mark.parametrize("total", [True, False])
async def test_members_by_pages_that_the_server_caps(wire: Wire, total: bool) -> None:
    def answer(request: SentRequest) -> Response:
        skip = int(dict(parse_qsl(request.query))["skip"])
        members = [{"user": {"userId": n}} for n in range(skip, min(skip + 10, 25))]
        return make_response(200, json={"members": members, **({"count": 25} if total else {})})

    wire.answers(answer)
    members = await wire.pod.streams.list_members("s").unique().collect()
    assert [member.user and member.user.user_id for member in members] == list(range(25))
    assert len(wire.requests) == (3 if total else 4)


def attachments(times: list[int], cap: int) -> Callable[[SentRequest], Response]:
    """A server of files with these times, as many a page as asked, and no more than ``cap``."""

    def answer(request: SentRequest) -> Response:
        query = dict(parse_qsl(request.query))
        found = [
            {"messageId": "m", "fileId": f"f{n}", "ingestionDate": time}
            for n, time in enumerate(times)
            if time >= int(query.get("since", 0)) and time <= int(query.get("to", 10**15))
        ]
        if query["sortDir"] == "DESC":
            found.reverse()
        return make_response(200, json=found[: min(cap, int(query["limit"]))])

    return answer


@pytest.mark.parametrize(
    "times",
    [
        [1, 2, 3, 4, 5, 6, 7],
        [1, 1, 2, 2, 3, 3],
        [1, 2, 3, 3, 3],
        [3, 3, 3, 4],
        [5],
        [5, 5],
        [1, 1, 1, 2, 9, 9, 9],
        [],
    ],
)
@pytest.mark.parametrize(("cap", "page_size"), [(4, 100), (100, 4), (100, 100)])
async def test_files_by_windows_of_time(wire: Wire, times: list[int], cap: int, page_size: int) -> None:
    wire.answers(attachments(times, cap))
    for since in (None, times[0] if times else 0):
        files = await wire.pod.streams.list_attachments("s", since=since, page_size=page_size).collect()
        assert [file.file_id for file in files] == [f"f{n}" for n in range(len(times))]
    for to in (None, times[-1] if times else 0):
        newest = wire.pod.streams.list_attachments("s", to=to, newest_first=True, page_size=page_size)
        assert [file.file_id for file in await newest.collect()] == [f"f{n}" for n in reversed(range(len(times)))]


@pytest.mark.parametrize(
    ("times", "cap", "page_size"),
    [
        ([1, 2, 5, 5, 5, 5, 6], 100, 3),
        ([1, 2, 5, 5, 5, 5, 6], 3, 100),
        ([1, 2, 5, 5, 5, 5], 3, 100),
        ([5, 5, 5, 5, 6], 3, 100),
        ([5, 5, 5, 5], 100, 3),
    ],
)
async def test_more_files_of_one_moment_than_fit_a_page_are_an_error(
    wire: Wire, times: list[int], cap: int, page_size: int
) -> None:
    wire.answers(attachments(times, cap))
    with pytest.raises(PaginationError, match="share the time 5"):
        await wire.pod.streams.list_attachments("s", page_size=page_size).collect()
    with pytest.raises(PaginationError, match="share the time 5"):
        await wire.pod.streams.list_attachments("s", newest_first=True, page_size=page_size).collect()


async def test_the_newest_files_are_asked_for_in_that_order_and_down_to_a_time(wire: Wire) -> None:
    wire.answers([{"messageId": "m", "fileId": "b", "ingestionDate": 9}], [])
    found = await wire.pod.streams.list_attachments("s", since=3, newest_first=True).collect()
    assert [file.file_id for file in found] == ["b"]
    assert wire.sent == [
        sent("GET", "/pod/v1/streams/s/attachments?since=3&limit=100&sortDir=DESC"),
        sent("GET", "/pod/v1/streams/s/attachments?since=3&to=9&limit=100&sortDir=DESC"),
    ]


async def test_files_that_arrive_while_one_looks_are_not_taken_for_a_cut_page(wire: Wire) -> None:
    def file(name: str, time: int) -> dict[str, Any]:
        return {"messageId": "m", "fileId": name, "ingestionDate": time}

    a, b, c = file("a", 1), file("b", 2), file("c", 3)
    wire.answers([a, b], [b], [c], [b, c], [c], [])
    files = await wire.pod.streams.list_attachments("s").collect()
    assert [item.file_id for item in files] == ["a", "b", "c"]
    assert [parse_qsl(request.query)[0] for request in wire.requests] == [
        ("limit", "100"), ("since", "2"), ("since", "3"), ("since", "2"), ("since", "3"), ("since", "4"),
    ]  # fmt: skip


async def test_a_server_that_ignores_since_is_an_error(wire: Wire) -> None:
    wire.answers([{"fileId": "a", "ingestionDate": 1}, {"fileId": "b", "ingestionDate": 2}])
    with pytest.raises(PaginationError, match="ignores since") as caught:
        await wire.pod.streams.list_attachments("s").collect()
    assert caught.value.resume == {"limit": 100, "since": 2}


async def test_files_without_a_time_cannot_be_paged(wire: Wire) -> None:
    wire.answers([{"fileId": "a"}])
    with pytest.raises(PaginationError, match="no item of the page has a time"):
        await wire.pod.streams.list_attachments("s").collect()


async def test_page_sizes_that_cannot_page(wire: Wire) -> None:
    with pytest.raises(ConfigError, match="page_size must be 2 or more"):
        await wire.pod.streams.list_attachments("s", page_size=1).first()
    assert wire.requests == []


@pytest.mark.symphony_sandbox(users=6, page_cap=3)
async def test_a_life_in_the_sandbox(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    me = (await pod.session.info()).id
    others = [user.id for user in symphony_sandbox.state.users() if user.id != me]
    im = await pod.streams.create_im([others[0]])
    assert im.id is not None
    assert (await pod.streams.create_im([others[0]])).id == im.id
    mim = await pod.streams.admin_create_im(others[:4])
    room = await pod.rooms.create(name="Desk", description="d")
    assert room.room_system_info is not None

    mine = await pod.streams.list().collect()
    assert {stream.id for stream in mine} == {im.id, room.room_system_info.id}
    assert [stream.id for stream in await pod.streams.list(types=["IM"]).collect()] == [im.id]
    assert [stream.id for stream in await pod.streams.list_for_user(others[1]).collect()] == [mim.id]
    everything = await pod.streams.admin_list().collect()
    assert {stream.id for stream in everything} >= {im.id, mim.id, room.room_system_info.id}
    members = await pod.streams.list_members(mim.id or "").collect()
    assert {member.user and member.user.user_id for member in members} == set(others[:4])
    info = (await pod.streams.get_im(im.id)).im_system_info
    assert info is not None
    assert info.active
    assert (await pod.streams.get(im.id)).id == im.id
