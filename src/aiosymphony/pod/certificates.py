"""``pod.certificates``: company certificates, with which accounts log in, and the certificates that sign them."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from functools import partial

from aiosymphony_api.pod.api.pod import v1_podcert_get
from aiosymphony_api.pod.api.security import (
    v1_companycert_delete_post,
    v1_companycert_finger_print_get_get,
    v1_companycert_finger_print_issued_by_get,
    v1_companycert_finger_print_update_post,
    v1_companycert_list_get,
    v1_companycert_podmanaged_list_get,
    v1_companycert_type_list_post,
    v2_companycert_create_post,
)
from aiosymphony_api.pod.models import (
    CompanyCert,
    CompanyCertAttributes,
    CompanyCertDetail,
    CompanyCertInfoListItem,
    CompanyCertStatus,
    CompanyCertStatusType,
    CompanyCertType,
    CompanyCertTypeType,
    PodCertificate,
    StringId,
    SuccessResponse,
)

from ..paging import Pager
from ..resource import Resource
from .pagers import array_pager

PAGE_SIZE = 100
"""Certificates per request; Symphony documents neither a default nor a maximum."""


class Certificates(Resource):
    """Certificates that the pod trusts. The id of a certificate is its fingerprint, a hexadecimal hash.

    Beside what each method names, all raise :class:`Forbidden` if the account may not administer certificates,
    and what :meth:`Session.execute` raises.
    """

    async def create(
        self,
        pem: str,
        *,
        name: str | None = None,
        type: CompanyCertTypeType | str | None = None,  # noqa: A002 - the name its users know
        status: CompanyCertStatusType | str | None = None,
    ) -> CompanyCertDetail:
        """Import a certificate (``POST /pod/v2/companycert/create``).

        Args:
            pem: The X.509 certificate in PEM, not expired, not there yet.
            name: A name for administrators.
            type: What it is for, such as ``USER``.
            status: How far it is trusted, such as ``TRUSTED``.

        Returns:
            The certificate as the pod keeps it.

        Raises:
            BadRequest: It is no certificate, has expired, or is there already.
            OutcomeUnknown: It may have been imported: look for it with :meth:`get`.
        """
        body = CompanyCert(pem=pem, attributes=_attributes(name, type, status))
        return await self._session.execute(v2_companycert_create_post.build(body=body))

    async def get(self, finger_print: str) -> CompanyCertDetail:
        """A certificate in full (``GET /pod/v1/companycert/{fingerPrint}/get``).

        Raises:
            BadRequest: There is no such certificate.
        """
        return await self._session.execute(v1_companycert_finger_print_get_get.build(finger_print))

    async def update(
        self,
        finger_print: str,
        *,
        name: str | None = None,
        type: CompanyCertTypeType | str | None = None,  # noqa: A002 - as above
        status: CompanyCertStatusType | str | None = None,
    ) -> SuccessResponse:
        """Change the name, type or status of a certificate (``POST /pod/v1/companycert/{fingerPrint}/update``).

        Args:
            finger_print: The certificate.
            name: Its new name; None leaves it unchanged, as with all that follow.
            type: What it is for.
            status: How far it is trusted; ``REVOKED`` ends its use.

        Raises:
            BadRequest: There is no such certificate.
        """
        body = _attributes(name, type, status)
        return await self._session.execute(v1_companycert_finger_print_update_post.build(finger_print, body=body))

    async def delete(self, finger_print: str) -> SuccessResponse:
        """Delete a certificate (``POST /pod/v1/companycert/delete``).

        Raises:
            BadRequest: There is no such certificate.
            OutcomeUnknown: It may be deleted: look for it with :meth:`get`.
        """
        return await self._session.execute(v1_companycert_delete_post.build(body=StringId(id=finger_print)))

    def list(self, *, page_size: int = PAGE_SIZE) -> Pager[CompanyCertInfoListItem]:
        """All certificates in brief (``GET /pod/v1/companycert/list``)."""
        return array_pager(self._session, v1_companycert_list_get.build, page_size, key=_finger_print)

    def list_pod_managed(self, *, page_size: int = PAGE_SIZE) -> Pager[CompanyCertInfoListItem]:
        """The certificates that the pod manages itself, in brief (``GET /pod/v1/companycert/podmanaged/list``)."""
        return array_pager(self._session, v1_companycert_podmanaged_list_get.build, page_size, key=_finger_print)

    def list_by_type(
        self, types: Iterable[CompanyCertTypeType | str], *, page_size: int = PAGE_SIZE
    ) -> Pager[CompanyCertInfoListItem]:
        """The certificates of given types, such as ``USER``, in brief (``POST /pod/v1/companycert/type/list``)."""
        body = [CompanyCertType(type_=CompanyCertTypeType(type_)) for type_ in types]
        build = partial(v1_companycert_type_list_post.build, body=body)
        return array_pager(self._session, build, page_size, key=_finger_print)

    async def list_issued_by(self, finger_print: str) -> builtins.list[CompanyCertInfoListItem]:
        """The certificates that a certificate has issued (``GET /pod/v1/companycert/{fingerPrint}/issuedBy``).

        Raises:
            BadRequest: There is no such certificate.
        """
        return await self._session.execute(v1_companycert_finger_print_issued_by_get.build(finger_print))

    async def get_pod_certificate(self) -> PodCertificate:
        """The pod's own certificate, which verifies the JWTs it signs (``GET /pod/v1/podcert``). Needs no role."""
        return await self._session.execute(v1_podcert_get.build())


def _attributes(
    name: str | None, kind: CompanyCertTypeType | str | None, status: CompanyCertStatusType | str | None
) -> CompanyCertAttributes:
    return CompanyCertAttributes(
        name=name,
        type_=None if kind is None else CompanyCertType(type_=CompanyCertTypeType(kind)),
        status=None if status is None else CompanyCertStatus(type_=CompanyCertStatusType(status)),
    )


def _finger_print(item: CompanyCertInfoListItem) -> str:
    return item.company_cert_info.finger_print
