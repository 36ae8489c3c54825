-- Run once by ACCOUNTADMIN, after the first deploy (it names the pipe); the migrations never run this folder.
-- Load and reconcile sign in as this user with a key pair. It names files to the pipe, asks what became of them,
-- and looks at pipe, stream and task. It writes nothing: the pipe's owner has what loading needs.
CREATE ROLE IF NOT EXISTS SLUICE_LOADER;
GRANT USAGE ON DATABASE {{ database }} TO ROLE SLUICE_LOADER;
GRANT USAGE ON SCHEMA {{ database }}.RAW TO ROLE SLUICE_LOADER;
GRANT USAGE ON SCHEMA {{ database }}.CORE TO ROLE SLUICE_LOADER;
GRANT OPERATE, MONITOR ON PIPE {{ database }}.RAW.EVENTS_PIPE TO ROLE SLUICE_LOADER;

-- COPY_HISTORY and the stream's functions want a privilege on the table, and RAW is asked which files it holds rows
-- of. Snowflake grants no single columns: whoever has this user's key can read RAW.EVENTS.
GRANT SELECT ON TABLE {{ database }}.RAW.EVENTS TO ROLE SLUICE_LOADER;
GRANT SELECT ON STREAM {{ database }}.RAW.EVENTS_STREAM TO ROLE SLUICE_LOADER;

-- SHOW TASKS leaves out what the role may not see.
GRANT MONITOR ON TASK {{ database }}.CORE.LOAD_EVENTS TO ROLE SLUICE_LOADER;

-- For COPY_HISTORY and RAW only, asked when Snowpipe's own reports no longer know a file. Name the same warehouse in
-- SNOWFLAKE_WAREHOUSE; an XS that suspends after a minute is plenty.
GRANT USAGE ON WAREHOUSE {{ warehouse }} TO ROLE SLUICE_LOADER;

-- The public key is the PEM's body without its first and last line. Insert and report calls run under
-- the user's default role.
CREATE USER IF NOT EXISTS SLUICE_LOADER
  TYPE = SERVICE
  DEFAULT_ROLE = SLUICE_LOADER
  RSA_PUBLIC_KEY = '{{ loader_public_key }}';
GRANT ROLE SLUICE_LOADER TO USER SLUICE_LOADER;
