-- The journals of jobs: many in one database.
--
-- Times that decide who owns what are the database's, from aiosymphony.clock() alone. Times that come from a host
-- (sent_at, done_at, in seconds since the epoch) are for people, and decide nothing.

CREATE FUNCTION aiosymphony.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT pg_catalog.clock_timestamp()';

-- wish is what the operator wants of the job. Whoever works on it hears of it with the next write.
CREATE TABLE aiosymphony.job (
  job integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  header json NOT NULL,
  made_at timestamptz NOT NULL DEFAULT aiosymphony.clock(),
  wish text NOT NULL DEFAULT 'run' CHECK (wish IN ('run', 'pause', 'cancel'))
);

CREATE TABLE aiosymphony.note (
  job integer NOT NULL REFERENCES aiosymphony.job ON DELETE CASCADE,
  name text NOT NULL,
  value json NOT NULL,
  PRIMARY KEY (job, name)
);

-- A shard is the rows from first to last. Each acquisition raises its epoch, and begins seq, which counts the groups
-- of changes, anew. lineage tells which history of the database the last owner wrote to. finished is set by an owner
-- that lets go with no row left to deal with. counts are the rows by action and state while nobody owns it; NULL if
-- they have to be counted.
CREATE TABLE aiosymphony.shard (
  job integer NOT NULL REFERENCES aiosymphony.job ON DELETE CASCADE,
  shard integer NOT NULL,
  first integer NOT NULL,
  last integer NOT NULL,
  owner text,
  epoch bigint NOT NULL DEFAULT 0,
  seq bigint NOT NULL DEFAULT 0,
  seen_at timestamptz,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  lineage text NOT NULL,
  finished boolean NOT NULL DEFAULT false,
  counts json,
  PRIMARY KEY (job, shard)
) WITH (fillfactor = 50);

-- A shard that another process had not let go of.
CREATE TABLE aiosymphony.takeover (
  takeover bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job integer NOT NULL REFERENCES aiosymphony.job ON DELETE CASCADE,
  shard integer NOT NULL,
  epoch bigint NOT NULL,
  owner_before text NOT NULL,
  owner text NOT NULL,
  cause text NOT NULL CHECK (cause IN ('lease ended', 'owner ended')),
  at timestamptz NOT NULL DEFAULT aiosymphony.clock()
);
CREATE INDEX ON aiosymphony.takeover (job);

-- What is wanted of each row: written once, by COPY, and never updated.
CREATE TABLE aiosymphony.wanted (
  job integer NOT NULL REFERENCES aiosymphony.job ON DELETE CASCADE,
  number integer NOT NULL,
  line integer NOT NULL,
  label text NOT NULL,
  "values" json NOT NULL,
  PRIMARY KEY (job, number)
);

-- What became of each row. No index holds what changes, and there is room in each page: so an update writes the row
-- alone (HOT), and no index.
CREATE TABLE aiosymphony.entry (
  job integer NOT NULL REFERENCES aiosymphony.job ON DELETE CASCADE,
  number integer NOT NULL,
  step integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  sent_at double precision,
  done_at double precision,
  action text NOT NULL,
  state text NOT NULL CHECK (state IN ('TODO', 'IN_FLIGHT', 'DONE', 'FAILED', 'UNKNOWN', 'CONFLICT')),
  id text,
  code text NOT NULL DEFAULT '',
  message text NOT NULL DEFAULT '',
  steps json,
  PRIMARY KEY (job, number)
) WITH (fillfactor = 60);

-- Which history of which database this is: another one after a restore or a failover, which may have lost what was
-- written last. Empty where the database does not tell, as on services that keep its log themselves.
CREATE FUNCTION aiosymphony.lineage() RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT system_identifier FROM pg_control_system()) || '/'
    || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_function THEN
  RETURN '';
END $$;

CREATE FUNCTION aiosymphony.has_open_rows(_job integer, _first integer, _last integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM aiosymphony.entry AS e
    WHERE e.job = _job AND e.number BETWEEN _first AND _last AND e.state IN ('TODO', 'IN_FLIGHT'))
$$;

-- Own shards that are free, at most so many; with _next only others than the caller's, with rows left to deal with;
-- with _only that one alone. Free is what nobody owns, whose lease ran out, or whose owner has surely ended: the caller
-- names those. A call whose answer was lost may be repeated. In a shard of another history of the database, what is to
-- do may have been sent: such rows are put in doubt, and counted.
CREATE FUNCTION aiosymphony.acquire(
  _job integer, _owner text, _lease double precision, _most integer, _next boolean, _only integer,
  _ended_shards integer[], _ended_epochs bigint[]
) RETURNS TABLE (shard integer, epoch bigint, first integer, last integer, doubted integer)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  _free record;
  _lineage text := aiosymphony.lineage();
BEGIN
  FOR _free IN
    SELECT s.shard, s.epoch, s.first, s.last, s.lineage, s.owner, s.lease_until FROM aiosymphony.shard AS s
    WHERE s.job = _job AND (_only IS NULL OR s.shard = _only)
      AND CASE WHEN s.owner = _owner THEN NOT _next ELSE
        s.owner IS NULL OR s.lease_until <= aiosymphony.clock() OR EXISTS (
          SELECT FROM unnest(_ended_shards, _ended_epochs) AS ended(shard, epoch)
          WHERE ended.shard = s.shard AND ended.epoch = s.epoch)
        END
      AND (NOT _next OR NOT s.finished AND aiosymphony.has_open_rows(_job, s.first, s.last))
    ORDER BY s.shard LIMIT _most FOR UPDATE SKIP LOCKED
  LOOP
    doubted := 0;
    IF _free.lineage <> _lineage THEN
      UPDATE aiosymphony.entry AS e SET state = 'IN_FLIGHT', code = '', message = ''
      WHERE e.job = _job AND e.number BETWEEN _free.first AND _free.last AND e.state = 'TODO';
      GET DIAGNOSTICS doubted = ROW_COUNT;
    END IF;
    UPDATE aiosymphony.shard AS s
    SET owner = _owner, epoch = s.epoch + 1, seq = 0, seen_at = aiosymphony.clock(),
      lease_until = aiosymphony.clock() + make_interval(secs => _lease), lineage = _lineage, finished = false
    WHERE s.job = _job AND s.shard = _free.shard;
    IF _free.owner <> _owner THEN
      INSERT INTO aiosymphony.takeover (job, shard, epoch, owner_before, owner, cause)
      VALUES (_job, _free.shard, _free.epoch + 1, _free.owner, _owner,
        CASE WHEN _free.lease_until <= aiosymphony.clock() THEN 'lease ended' ELSE 'owner ended' END);
    END IF;
    shard := _free.shard;
    epoch := _free.epoch + 1;
    first := _free.first;
    last := _free.last;
    RETURN NEXT;
  END LOOP;
END $$;

-- How many of these shards are still the caller's: locked, so that they stay so until its transaction ends.
CREATE FUNCTION aiosymphony.held(_job integer, _shards integer[], _epochs bigint[]) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(*) FROM (
    SELECT FROM aiosymphony.shard AS s JOIN unnest(_shards, _epochs) AS mine(shard, epoch)
      ON s.shard = mine.shard AND s.epoch = mine.epoch
    WHERE s.job = _job FOR UPDATE OF s) AS locked
$$;

-- Own the shards for so many seconds more; how many of them are still the caller's.
CREATE FUNCTION aiosymphony.renew(_job integer, _shards integer[], _epochs bigint[], _lease double precision)
RETURNS bigint LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  WITH renewed AS (
    UPDATE aiosymphony.shard AS s
    SET seen_at = aiosymphony.clock(), lease_until = aiosymphony.clock() + make_interval(secs => _lease)
    FROM unnest(_shards, _epochs) AS mine(shard, epoch)
    WHERE s.job = _job AND s.shard = mine.shard AND s.epoch = mine.epoch
    RETURNING 1)
  SELECT count(*) FROM renewed
$$;

CREATE FUNCTION aiosymphony.counted(_job integer, _first integer, _last integer) RETURNS json
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(json_agg(json_build_array(action, state, number)), '[]') FROM (
    SELECT e.action, e.state, count(*) AS number FROM aiosymphony.entry AS e
    WHERE e.job = _job AND e.number BETWEEN _first AND _last GROUP BY e.action, e.state) AS counts
$$;

-- Rows of a job, or of one of its shards, by action and state. Only what somebody owns is counted anew.
CREATE FUNCTION aiosymphony.counts(_job integer, _only integer) RETURNS TABLE (action text, state text, number bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT each->>0, each->>1, sum((each->>2)::bigint)::bigint
  FROM aiosymphony.shard AS s
  CROSS JOIN LATERAL json_array_elements(
    CASE WHEN s.owner IS NULL AND s.counts IS NOT NULL THEN s.counts
      ELSE aiosymphony.counted(s.job, s.first, s.last) END) AS each
  WHERE s.job = _job AND (_only IS NULL OR s.shard = _only)
  GROUP BY 1, 2
$$;

-- Let go of those of the shards that are still the caller's.
CREATE FUNCTION aiosymphony.release(_job integer, _shards integer[], _epochs bigint[]) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  UPDATE aiosymphony.shard AS s
  SET owner = NULL, lease_until = '-infinity', finished = NOT aiosymphony.has_open_rows(_job, s.first, s.last),
    counts = aiosymphony.counted(_job, s.first, s.last)
  FROM unnest(_shards, _epochs) AS mine(shard, epoch)
  WHERE s.job = _job AND s.shard = mine.shard AND s.epoch = mine.epoch
$$;

-- A group of changes: outcomes of rows, then rows that are about to be sent; wholly or not at all, and once. Gives what
-- the operator wants of the job.
--
-- The first statement is the fence, the lock on the shards and the renewal of their lease in one. A group whose answer
-- was lost is sent again with the same seq: it is found to be applied, and nothing is done. Everything else that does
-- not match raises: AIO01 if the shards are another's, AIO02 if the rows are not as the caller knows them.
CREATE FUNCTION aiosymphony.write(
  _job integer, _shards integer[], _epochs bigint[], _seqs bigint[], _lease double precision,
  _number integer[], _state text[], _step integer[], _steps json[], _code text[], _message text[], _attempts integer[],
  _id text[], _at double precision[],
  _sending integer[], _sent_at double precision
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  _count bigint;
  _wish text := (SELECT j.wish FROM aiosymphony.job AS j WHERE j.job = _job);
BEGIN
  UPDATE aiosymphony.shard AS s
  SET seq = mine.seq, seen_at = aiosymphony.clock(),
    lease_until = aiosymphony.clock() + make_interval(secs => _lease)
  FROM unnest(_shards, _epochs, _seqs) AS mine(shard, epoch, seq)
  WHERE s.job = _job AND s.shard = mine.shard AND s.epoch = mine.epoch AND s.seq = mine.seq - 1;
  GET DIAGNOSTICS _count = ROW_COUNT;
  IF _count <> cardinality(_shards) OR _count = 0 THEN
    PERFORM FROM aiosymphony.shard AS s JOIN unnest(_shards, _epochs, _seqs) AS mine(shard, epoch, seq)
      ON s.shard = mine.shard AND s.epoch = mine.epoch AND s.seq = mine.seq
    WHERE s.job = _job;
    GET DIAGNOSTICS _count = ROW_COUNT;
    IF _count = cardinality(_shards) AND _count > 0 THEN
      RETURN _wish;
    END IF;
    RAISE 'the shards are not the caller''s any more' USING ERRCODE = 'AIO01';
  END IF;
  IF cardinality(_number) > 0 THEN
    UPDATE aiosymphony.entry AS e
    SET state = o.state, step = coalesce(o.step, e.step), steps = coalesce(o.steps, e.steps), code = o.code,
      message = o.message, attempts = e.attempts + o.attempts, id = coalesce(o.id, e.id), done_at = o.at
    FROM unnest(_number, _state, _step, _steps, _code, _message, _attempts, _id, _at)
      AS o(number, state, step, steps, code, message, attempts, id, at)
    WHERE e.job = _job AND e.number = o.number;
    GET DIAGNOSTICS _count = ROW_COUNT;
    IF _count <> cardinality(_number) THEN
      RAISE '% of % rows are there', _count, cardinality(_number) USING ERRCODE = 'AIO02';
    END IF;
  END IF;
  IF cardinality(_sending) > 0 THEN
    UPDATE aiosymphony.entry AS e
    SET state = 'IN_FLIGHT', attempts = e.attempts + 1, sent_at = _sent_at, code = '', message = ''
    FROM unnest(_sending) AS o(number) WHERE e.job = _job AND e.number = o.number AND e.state = 'TODO';
    GET DIAGNOSTICS _count = ROW_COUNT;
    IF _count <> cardinality(_sending) THEN
      RAISE '% of % rows are to do', _count, cardinality(_sending) USING ERRCODE = 'AIO02';
    END IF;
  END IF;
  RETURN _wish;
END $$;

-- Rows in these states between two numbers, in order. The states change faster than the planner learns of them: so it
-- is left no choice but to go along the keys, and to look up one row for each.
CREATE FUNCTION aiosymphony.rows(_job integer, _first integer, _last integer, _states text[], _limit integer)
RETURNS TABLE (
  number integer, line integer, label text, action text, state text, step integer, attempts integer, id text,
  sent_at double precision, done_at double precision, code text, message text, steps json, "values" json
) LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
  WITH chosen AS MATERIALIZED (
    SELECT * FROM aiosymphony.entry AS e
    WHERE e.job = _job AND e.number BETWEEN _first AND _last AND e.state = ANY (_states)
    ORDER BY e.job, e.number LIMIT _limit)
  SELECT c.number, w.line, w.label, c.action, c.state, c.step, c.attempts, c.id, c.sent_at, c.done_at, c.code,
    c.message, c.steps, w."values"
  FROM chosen AS c LEFT JOIN LATERAL (
    SELECT * FROM aiosymphony.wanted AS one WHERE one.job = _job AND one.number = c.number LIMIT 1) AS w ON true
  ORDER BY c.number
$$;
