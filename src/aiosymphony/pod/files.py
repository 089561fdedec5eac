"""``pod.files``: files that a pod keeps for its administrators."""

from __future__ import annotations

from aiosymphony_api.files.api.files import files_v1_file_id_get, files_v1_file_id_metadata_get, files_v1_get
from aiosymphony_api.files.models import ContentExportFile, FileFormat, FileType, JobType, SortableField, SortOrder

from ..paging import CurrentPage, Page, Pager, Query
from ..resource import Resource


class Files(Resource):
    """Files of content exports; the account needs the role Content Export Reader.

    The session token is exchanged for one of the scope ``sym-files``, which is kept and renewed. Besides the errors
    that each method names, all raise those of :meth:`Session.execute`.
    """

    def list(
        self,
        *,
        kind: FileType = FileType.CONTENT_EXPORT,
        name: str | None = None,
        job_type: JobType | None = None,
        file_format: FileFormat | None = None,
        uploaded_after: str | None = None,
        uploaded_before: str | None = None,
        starts_after: str | None = None,
        ends_before: str | None = None,
        generated_on: str | None = None,
        sort_by: SortableField | None = None,
        sort_order: SortOrder | None = None,
        page_size: int = 100,
    ) -> Pager[ContentExportFile]:
        """Files, in the order asked for (``GET /files/v1/``).

        Args:
            kind: The kind of file.
            name: A part of the name, in either case.
            job_type: Made by this kind of job.
            file_format: Of this format.
            uploaded_after: Uploaded after this time, as ``2026-05-12T10:00:00Z``; so all times here.
            uploaded_before: Uploaded before this time.
            starts_after: The time that it covers starts after this one.
            ends_before: The time that it covers ends before this one.
            generated_on: Made on this day, as ``2026-05-12``.
            sort_by: The field to order by.
            sort_order: Ascending if None.
            page_size: Files per request, 1 to 100.
        """

        async def fetch(query: Query) -> Page[ContentExportFile]:
            request = files_v1_get.build(
                type_=kind,
                name=name,
                job_type=job_type,
                file_format=file_format,
                upload_after=uploaded_after,
                upload_before=uploaded_before,
                start_time_after=starts_after,
                end_time_before=ends_before,
                generation_date=generated_on,
                sort_by=sort_by,
                sort_order=sort_order,
                **query,
            )
            files = await self._session.execute(request)
            return Page(files)

        # The answer does not tell which page it is, and the documents count from 1.
        return Pager(fetch, lambda: CurrentPage(page_size, argument="page", counts_from=1), key=lambda file: file.id)

    async def get(self, file_id: str, *, kind: FileType = FileType.CONTENT_EXPORT) -> ContentExportFile:
        """What is known of a file (``GET /files/v1/{fileId}/metadata``). The pod's audit trail records the call.

        Raises:
            NotFound: There is no such file.
        """
        return await self._session.execute(files_v1_file_id_metadata_get.build(file_id, type_=kind))

    async def download_url(self, file_id: str, *, kind: FileType = FileType.CONTENT_EXPORT) -> str:
        """The address to download a file from (``GET /files/v1/{fileId}``).

        It is at another server than the pod, takes no token, and is good for a short time and for whoever has it.

        Raises:
            NotFound: There is no such file.
            MissingField: The answer has no address.
        """
        return (await self._session.execute(files_v1_file_id_get.build(file_id, type_=kind))).signed_url
