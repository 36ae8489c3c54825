"""Building and deploying: packages, stacks and SQL. What serves only the local run lies in `sluice/local`."""
