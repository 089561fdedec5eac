"""Certificates for the TLS cases, made anew for each run."""

from __future__ import annotations

import datetime as dt
import ssl
import warnings
from pathlib import Path

import trustme


class Certificates:
    """An authority that the tests trust, one that nobody trusts, and a client's certificate."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.stranger = trustme.CA()
        self.ca_file = folder / "authority.pem"
        self.client_file = folder / "client.pem"
        self.foreign_client_file = folder / "foreign-client.pem"
        self.authority.cert_pem.write_to_path(self.ca_file)
        self.authority.issue_cert("bot@example.com").private_key_and_cert_chain_pem.write_to_path(self.client_file)
        foreign = self.stranger.issue_cert("bot@example.com")
        foreign.private_key_and_cert_chain_pem.write_to_path(self.foreign_client_file)
        yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        self.good = self._server(self.authority.issue_cert("localhost"))
        self.wrong_host = self._server(self.authority.issue_cert("elsewhere.example.com"))
        self.unknown_ca = self._server(self.stranger.issue_cert("localhost"))
        self.expired = self._server(
            self.authority.issue_cert("localhost", not_before=yesterday - dt.timedelta(days=30), not_after=yesterday)
        )
        self.old_tls = self._server(self.authority.issue_cert("localhost"))
        self.old_tls.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.old_tls.minimum_version = ssl.TLSVersion.TLSv1
            self.old_tls.maximum_version = ssl.TLSVersion.TLSv1_1
        self.asks_client = self._server(self.authority.issue_cert("localhost"))
        self.asks_client.verify_mode = ssl.CERT_REQUIRED
        self.authority.configure_trust(self.asks_client)
        self.asks_client_tls12 = self._server(self.authority.issue_cert("localhost"))
        self.asks_client_tls12.verify_mode = ssl.CERT_REQUIRED
        self.asks_client_tls12.maximum_version = ssl.TLSVersion.TLSv1_2
        self.authority.configure_trust(self.asks_client_tls12)

    @staticmethod
    def _server(certificate: trustme.LeafCert) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)
        return context
