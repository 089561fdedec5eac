-- What the operator wants of a job: run, pause or cancel. Whoever works on it hears of it with the next write.
ALTER TABLE aiosymphony.job
  ADD wish text NOT NULL DEFAULT 'run' CHECK (wish IN ('run', 'pause', 'cancel')),
  ADD made_at timestamptz NOT NULL DEFAULT aiosymphony.clock();

-- Rows of a shard by action and state while nobody owns it; NULL if they have to be counted.
ALTER TABLE aiosymphony.shard ADD counts json;

-- Processes that carry out jobs for others, and who took over from whom.

CREATE TABLE aiosymphony.worker (
  worker text PRIMARY KEY,
  host text NOT NULL,
  pid integer NOT NULL,
  egress text NOT NULL,
  version text NOT NULL,
  queues text[] NOT NULL,
  draining boolean NOT NULL DEFAULT false,
  began_at timestamptz NOT NULL DEFAULT aiosymphony.clock(),
  seen_at timestamptz NOT NULL DEFAULT aiosymphony.clock()
);

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

-- When what nobody works on was last looked for: one worker does it for all.
CREATE TABLE aiosymphony.reconciliation (at timestamptz NOT NULL);
INSERT INTO aiosymphony.reconciliation VALUES ('-infinity');

-- Which of the engine's migrations were carried out.
CREATE TABLE aiosymphony.engine_migration (name text PRIMARY KEY);

DROP FUNCTION aiosymphony.acquire(integer, text, double precision, integer, boolean, integer[], bigint[]);

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

DROP FUNCTION aiosymphony.release(integer, integer[], bigint[]);

-- Let go of those of the shards that are still the caller's.
CREATE FUNCTION aiosymphony.release(_job integer, _shards integer[], _epochs bigint[]) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  UPDATE aiosymphony.shard AS s
  SET owner = NULL, lease_until = '-infinity', finished = NOT aiosymphony.has_open_rows(_job, s.first, s.last),
    counts = aiosymphony.counted(_job, s.first, s.last)
  FROM unnest(_shards, _epochs) AS mine(shard, epoch)
  WHERE s.job = _job AND s.shard = mine.shard AND s.epoch = mine.epoch
$$;
