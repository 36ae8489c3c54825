"""The Firehose transform: re-validates what the stream carries, before it lands."""
