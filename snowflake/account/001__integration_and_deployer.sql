-- Run once by ACCOUNTADMIN, before the first deploy; the migrations never run this folder.
-- Fill in what stands in double braces. The local stand-in accepts these statements without effect.

-- IF NOT EXISTS and never OR REPLACE: replacing an integration breaks every stage that uses it.
-- Afterwards DESC INTEGRATION names the IAM user that the role has to trust, with this external id.
CREATE STORAGE INTEGRATION IF NOT EXISTS {{ storage_integration }}
  TYPE = EXTERNAL_STAGE
  STORAGE_PROVIDER = 'S3'
  ENABLED = TRUE
  STORAGE_AWS_ROLE_ARN = '{{ storage_role_arn }}'
  STORAGE_AWS_EXTERNAL_ID = '{{ storage_external_id }}'
  STORAGE_ALLOWED_LOCATIONS = ('s3://{{ landing_bucket }}/events/');

-- Owns the database and what the migrations make in it. They read and write their own history, which needs a
-- warehouse; the task runs on serverless compute.
CREATE ROLE IF NOT EXISTS SLUICE_DEPLOYER;
GRANT ROLE SLUICE_DEPLOYER TO ROLE SYSADMIN;
GRANT CREATE DATABASE ON ACCOUNT TO ROLE SLUICE_DEPLOYER;
GRANT EXECUTE TASK ON ACCOUNT TO ROLE SLUICE_DEPLOYER;
GRANT EXECUTE MANAGED TASK ON ACCOUNT TO ROLE SLUICE_DEPLOYER;
GRANT USAGE ON WAREHOUSE {{ warehouse }} TO ROLE SLUICE_DEPLOYER;
GRANT USAGE ON INTEGRATION {{ storage_integration }} TO ROLE SLUICE_DEPLOYER;
