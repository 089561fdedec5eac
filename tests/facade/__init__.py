"""Tests of the resources of the clients, over real sockets to a sandbox that checks each request and answer."""
