-- Run once by ACCOUNTADMIN, after the first deploy (it names the pipe); the migrations never run this folder.
-- The load function signs in as this user with a key pair and may do one thing: name files to the pipe
-- and ask what became of them. It needs nothing on the stage or the table; the pipe's owner has that.
CREATE ROLE IF NOT EXISTS SLUICE_LOADER;
GRANT USAGE ON DATABASE {{ database }} TO ROLE SLUICE_LOADER;
GRANT USAGE ON SCHEMA {{ database }}.RAW TO ROLE SLUICE_LOADER;
GRANT OPERATE, MONITOR ON PIPE {{ database }}.RAW.EVENTS_PIPE TO ROLE SLUICE_LOADER;

-- The public key is the PEM's body without its first and last line. Insert and report calls run under
-- the user's default role.
CREATE USER IF NOT EXISTS SLUICE_LOADER
  TYPE = SERVICE
  DEFAULT_ROLE = SLUICE_LOADER
  RSA_PUBLIC_KEY = '{{ loader_public_key }}';
GRANT ROLE SLUICE_LOADER TO USER SLUICE_LOADER;
