-- The house: RAW is what landed, CORE is one row for each event, OPS is what an operator looks at.
CREATE DATABASE IF NOT EXISTS {{ database }};

CREATE SCHEMA IF NOT EXISTS {{ database }}.RAW;
CREATE SCHEMA IF NOT EXISTS {{ database }}.CORE;
CREATE SCHEMA IF NOT EXISTS {{ database }}.OPS;
