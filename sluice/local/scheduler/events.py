"""What EventBridge sends to a scheduled function, and how often it is sent here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Cadence:
    """Seconds between two calls: while a function has something new to say, and once it has not for a while."""

    busy_s: float
    quiet_s: float


CADENCES: Mapping[str, Cadence] = {
    "reconcile": Cadence(1.0, 5.0),
    "drain": Cadence(1.0, 5.0),
    "compare": Cadence(5.0, 10.0),
}
"""By Chalice's name of the function. EventBridge cannot be asked for less than a minute.

An idle road is asked less often: the emulator remembers a log and four metrics of every call.
"""


def scheduled_event(name: str, event_id: str, at: datetime, account: str, region: str) -> dict[str, Any]:
    """Return the event of one tick. Source: EventBridge user guide, scheduled events."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [f"arn:aws:events:{region}:{account}:rule/sluice-local-{name}"],
        "detail": {},
    }
