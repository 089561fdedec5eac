"""Tests against servers that nobody here wrote for the client: raw sockets, and nothing of the sandbox.

A product that is proved against its own sandbox alone shares that sandbox's assumptions. So the servers here are
written from what Symphony documents and from what servers are known to do, with an HTTP of their own: they import
nothing of :mod:`aiosymphony.sandbox`, and a test of the architecture sees to it.

The adversary tenant is a Pod or Connect with a state, in a process of its own, over TLS:

=====================  ===============================================================================================
``wire.py``            TLS over memory buffers and HTTP/1.1 by hand: ends a connection after any byte, without a
                       goodbye, with a reset, or with any alert, encrypted as a peer's is
``trouble.py``         what goes wrong, drawn at random from a seed: answers lost, cut or late, alerts, 408 and 5xx,
                       503 with Retry-After, 429, answers about many users in another order, without addresses, with
                       one id twice, with rows of 429 and 5xx, cut pages, look-ups that lag, tokens of short life,
                       times when logins fail, times when everything is down
``tenant_pod.py``,     the two APIs, as the documents have them; they import nothing of aiosymphony at all. Unless told
``tenant_connect.py``  to, they refuse no duplicates: a create that is sent twice is a user that is there twice
``tenant.py``          the process; it is told what to do on standard input, and there it tells its state
``people.py``          a file of people, who is there before, and the verdict on who is there in the end
``kills.py``           the kill proof: ``aiosymphony provision apply`` against that tenant, killed at random moments
                       and started again until it ends. ``python -m tests.adversary.kills --help`` says what can be
                       asked of it, and ``make kills`` asks for 1,500 rows and 40 kills of each target
``blind.py``           a control for it: a job without its look-up, which must double users
=====================  ===============================================================================================
"""
