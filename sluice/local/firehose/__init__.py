"""Our stand-in for Amazon Data Firehose on this machine: AWS APIs on both sides, no word of events."""
