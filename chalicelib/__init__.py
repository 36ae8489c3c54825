"""Sluice's deployed code: core values, contracts, stages, adapters, and the one place that wires them."""
