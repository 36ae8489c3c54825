"""The steps of the road: what each does, given its ports."""
