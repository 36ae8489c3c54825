"""The scheduler: calls the scheduled functions every few seconds, and turns their EMF lines into metrics."""
