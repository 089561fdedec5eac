-- What processes on several machines share: the rate that a server allows, and the tokens of one login.

-- When the next request may begin, and until when none may. It is lost with a crash of the database, which is no loss.
CREATE UNLOGGED TABLE aiosymphony.rate (
  key text PRIMARY KEY,
  due timestamptz NOT NULL,
  paused_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

-- Lease so many requests, evenly spaced. Gives the seconds until the first of them may begin.
CREATE FUNCTION aiosymphony.lease_rate(_key text, _rate double precision, _wanted integer) RETURNS double precision
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO aiosymphony.rate AS r (key, due) VALUES (_key, aiosymphony.clock() + make_interval(secs => _wanted / _rate))
  ON CONFLICT (key) DO UPDATE
    SET due = greatest(r.due, r.paused_until, aiosymphony.clock()) + make_interval(secs => _wanted / _rate)
  RETURNING extract(epoch FROM r.due - aiosymphony.clock())::float8 - _wanted / _rate
$$;

-- Let nobody begin a request for so many seconds, and tell those that have leased some already.
CREATE FUNCTION aiosymphony.pause_rate(_key text, _seconds double precision) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO aiosymphony.rate AS r (key, due, paused_until)
    VALUES (_key, aiosymphony.clock(), aiosymphony.clock() + make_interval(secs => _seconds))
  ON CONFLICT (key) DO UPDATE SET paused_until = greatest(r.paused_until, EXCLUDED.paused_until);
  SELECT pg_notify('aiosymphony_rate', _seconds || ' ' || _key)
$$;

-- Tokens, by a digest of the server, the account and the kind of token. No other table holds a secret.
CREATE TABLE aiosymphony.token (
  key text PRIMARY KEY,
  token text NOT NULL,
  "authorization" text,
  issued_at double precision NOT NULL,
  expires_at double precision
);
