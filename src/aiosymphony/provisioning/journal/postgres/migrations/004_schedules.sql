-- Files whose users are provisioned again and again: each time is a job of its own.

CREATE TABLE aiosymphony.schedule (
  name text PRIMARY KEY,
  kind text NOT NULL,
  target text NOT NULL,
  cron text NOT NULL,
  zone text NOT NULL,
  input_name text NOT NULL,
  input bytea NOT NULL,
  options json NOT NULL,
  paused boolean NOT NULL DEFAULT false,
  made_at timestamptz NOT NULL DEFAULT aiosymphony.clock(),
  -- The time whose job is made next. It moves on in the transaction that brings the job in.
  next_at timestamptz NOT NULL,
  last_at timestamptz,
  last_job text,
  last_result text
);
