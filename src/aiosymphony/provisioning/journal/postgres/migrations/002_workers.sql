-- Processes that carry out jobs for others.

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

-- When what nobody works on was last looked for: one worker does it for all.
CREATE TABLE aiosymphony.reconciliation (at timestamptz NOT NULL);
INSERT INTO aiosymphony.reconciliation VALUES ('-infinity');

-- Which of the engine's migrations were carried out.
CREATE TABLE aiosymphony.engine_migration (name text PRIMARY KEY);
