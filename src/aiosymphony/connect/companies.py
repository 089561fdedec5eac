"""``connect.companies``: the companies that a partner sponsors."""

from __future__ import annotations

import builtins
from collections.abc import Iterable

from aiosymphony_api.connect.api.companies import (
    api_v2_companies_company_id_get,
    api_v2_companies_company_id_patch,
    api_v2_companies_get,
    api_v2_companies_post,
)
from aiosymphony_api.connect.models import Company, CompanyState, CompanyUpdate

from ..errors import ApiError, CompanyFailed, CompanyTimeout, ConfigError
from ..resource import Resource, check_echo, texts
from ..text import clean_text
from ..wire.models import or_none


class Companies(Resource):
    """Companies that the partner sponsors.

    A company is created in the background, in about 20 minutes, and must be ``COMPLETED`` before it can have users.
    Besides the errors that each method names, all raise those of :meth:`Session.execute`.
    """

    async def create(self, *, name: str, vanity_name: str, email_domains: Iterable[str]) -> Company:
        """Begin to create a company (``POST /api/v2/companies``); :meth:`wait_until_completed` waits until it is ready.

        Args:
            name: The company's name, 2 to 100 characters.
            vanity_name: Its part of host names: 2 to 63 lower case letters, digits and inner hyphens.
            email_domains: The domains of its users' addresses, 1 to 10. No other company may have one of them.

        Returns:
            The company in its first state, with its id.

        Raises:
            BadRequest: A name or a domain does not have the form above.
            Conflict: The name, the vanity name or a domain is taken (code 40103 for domains). The refusal of a create
                is not documented: it may be an :class:`ApiError` of another class.
            OutcomeUnknown: The creation may have begun: look for it with ``list(vanity_name=…)`` before trying again.
        """
        body = Company(name=name, vanity_name=vanity_name, email_domains=texts("email_domains", email_domains))
        request = api_v2_companies_post.build(body=body)
        try:
            company = await self._session.execute(request)
        except ApiError as error:
            if 400 <= error.status < 500 and error.status not in (401, 403, 408, 429):
                error.explain(
                    "If Symphony may know the company already: connect.directory.login_information(email) tells where "
                    "the owner of an address logs in"
                )
            raise
        check_echo(
            self._session,
            request.operation,
            ("vanityName", vanity_name, or_none(lambda: company.vanity_name)),
            ("name", name, or_none(lambda: company.name)),
        )
        return company

    async def list(self, *, vanity_name: str | None = None) -> builtins.list[Company]:
        """All sponsored companies, in one answer (``GET /api/v2/companies``).

        Args:
            vanity_name: Only the company of this vanity name.
        """
        return await self._session.execute(api_v2_companies_get.build(vanity_name=vanity_name))

    async def get(self, company_id: str) -> Company:
        """A company with its present state (``GET /api/v2/companies/{companyId}``).

        Raises:
            NotFound: The partner sponsors no such company (code 40102).
        """
        return await self._session.execute(api_v2_companies_company_id_get.build(company_id))

    async def update(self, company_id: str, *, email_domains: Iterable[str]) -> None:
        """Add email domains to a company (``PATCH /api/v2/companies/{companyId}``). It keeps those that it has.

        Args:
            company_id: The company.
            email_domains: The domains to add, 1 to 10. It is no error if the company has them already.

        Raises:
            Conflict: Another company has one of the domains (code 40103, with any status).
            NotFound: The partner sponsors no such company (code 40102).
        """
        body = CompanyUpdate(email_domains=texts("email_domains", email_domains))
        await self._session.execute(api_v2_companies_company_id_patch.build(company_id, body=body))

    async def wait_until_completed(
        self,
        company_id: str,
        *,
        timeout: float | None = 3600.0,  # noqa: ASYNC109 - as its caller thinks of it, and measured by the session's clock
        interval: float = 15.0,
    ) -> Company:
        """Poll a company (``GET /api/v2/companies/{companyId}``) until it can have users.

        It can be called again after any error, by any program that knows the id.

        Args:
            company_id: The company.
            timeout: Most seconds to wait; None for no bound. Connect takes about 20 minutes.
            interval: Seconds between two requests.

        Returns:
            The company, ``COMPLETED``.

        Raises:
            CompanyFailed: The company is in an error state, which it does not leave.
            CompanyTimeout: The company is not completed within ``timeout``.
            ConfigError: ``interval`` or ``timeout`` is not positive.
        """
        if not interval > 0 or (timeout is not None and not timeout > 0):
            raise ConfigError(f"timeout and interval must be greater than 0, not {timeout!r} and {interval!r}")
        clock = self._session.clock
        deadline = None if timeout is None else clock.monotonic() + timeout
        while True:
            company = await self.get(company_id)
            came = or_none(_state_of, company)
            if came is CompanyState.COMPLETED:
                return company
            state = clean_text(came or "unknown", 64)
            # New states may come; as of today, those that nothing follows end like this.
            if state.endswith("_ERROR"):
                raise _failed(company_id, state, company.error_message)
            left = interval if deadline is None else deadline - clock.monotonic()
            if left <= 0:
                raise CompanyTimeout(
                    f"company {company_id} is {state} after {timeout:g} s. Connect continues to create it: wait again",
                    company_id=company_id,
                    state=state,
                )
            await clock.sleep(min(interval, left))


def _failed(company_id: str, state: str, message: str | None) -> CompanyFailed:
    message = clean_text(message or "")
    why = f": {message}" if message else ""
    return CompanyFailed(
        f"company {company_id} could not be created: its state is {state}{why}",
        company_id=company_id,
        state=state,
        error_message=message,
    )


def _state_of(company: Company) -> CompanyState:
    return company.state
