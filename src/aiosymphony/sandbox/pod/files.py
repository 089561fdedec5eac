"""Files of content exports."""

from __future__ import annotations

from typing import Any

from ..handlers import Call, HttpError, reads
from ..state import Json

_FILES: tuple[Json, ...] = tuple(
    {
        "id": f"export-{day}",
        "name": f"s_1008_SD-2026-03-{day:02}-00_ED-2026-03-{day + 1:02}-00_GD-2026-03-{day + 1:02}.zip.pgp",
        "size": 1_000_000 + day,
        "uploadTime": f"2026-03-{day + 1:02}T02:00:00Z",
        "contentType": "application/pgp-encrypted",
        "integrityHash": f"{day:064x}",
        "type": "ContentExport",
        "encryption": {"encryptionKeyId": "sandbox", "alg": "AES256-GCM"},
        "typeSpecificMetadata": {
            "jobType": "SCHEDULED",
            "fileFormat": "SYMPHONY",
            "startTime": f"2026-03-{day:02}T00:00:00Z",
            "endTime": f"2026-03-{day + 1:02}T00:00:00Z",
            "generationDate": f"2026-03-{day + 1:02}",
        },
    }
    for day in range(1, 26)
)
"""What every sandbox has."""


def _file(call: Call) -> Json:
    found = next((file for file in _FILES if file["id"] == call.path["fileId"]), None)
    if found is None:
        raise HttpError(404, "File not found")
    return found


def _sort_key(file: Json, name: str) -> Any:
    return file["typeSpecificMetadata"].get(name) or file.get(name)


@reads("files_v1_get")
def list_files(call: Call) -> Any:
    """A page of files; the first is 1."""
    query = call.query
    number, size = query.get("page", 1), call.capped(query.get("pageSize", 10), 100)
    if number < 1:
        raise HttpError(400, "Invalid query parameters")
    bounds = (
        ("upload-after", lambda file, bound: file["uploadTime"] > bound),
        ("upload-before", lambda file, bound: file["uploadTime"] < bound),
        ("startTime-after", lambda file, bound: file["typeSpecificMetadata"]["startTime"] > bound),
        ("endTime-before", lambda file, bound: file["typeSpecificMetadata"]["endTime"] < bound),
        ("generationDate", lambda file, bound: file["typeSpecificMetadata"]["generationDate"] == bound),
        ("jobType", lambda file, bound: file["typeSpecificMetadata"]["jobType"] == bound),
        ("fileFormat", lambda file, bound: file["typeSpecificMetadata"]["fileFormat"] == bound),
        ("name", lambda file, bound: bound.casefold() in file["name"].casefold()),
    )
    wanted = [file for file in _FILES if all(fits(file, query[name]) for name, fits in bounds if name in query)]
    sort_by = query.get("sortBy", "name")
    wanted.sort(key=lambda file: _sort_key(file, sort_by), reverse=query.get("sortOrder") == "desc")
    return wanted[(number - 1) * size : number * size]


@reads("files_v1_file_id_metadata_get")
def get_file(call: Call) -> Any:
    """What is known of a file."""
    return _file(call)


@reads("files_v1_file_id_get")
def download(call: Call) -> Any:
    """An address that leads nowhere."""
    return {"signedUrl": f"https://storage.sandbox.invalid/{_file(call)['id']}?signature=none"}
