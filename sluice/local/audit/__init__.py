"""The audit: what every store of a run holds, what it adds up to, and whether the promises hold. Changes no store."""
