"""The HTTP contract: what a post may look like, and what is answered."""
