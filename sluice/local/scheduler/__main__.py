"""Start the scheduler: a thread for each function, and this one for their metrics, until stopped."""

import argparse
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from threading import Event, Thread
from uuid import uuid4

from chalicelib.core.times import to_text
from sluice.local.emulator import ACCOUNT_ID, REGION
from sluice.local.scheduler.emulated import Emulated, Invoked
from sluice.local.scheduler.events import CADENCES, scheduled_event
from sluice.local.scheduler.metrics import Metrics
from sluice.local.scheduler.ticker import Ticker

LOOK_S = 1.0
"""Between two looks at what the functions logged."""


def main() -> None:
    """Call functions until stopped; a call that is under way goes on without us.

    A thread that died ends the process: the supervisor starts it again.
    """
    options, stopping = _options(), _stop_on_signals()
    emulated = Emulated(options.emulator, REGION)
    metrics = Metrics(emulated, partial(_say, "metrics"))
    threads = []
    for name, function in options.function:
        call = partial(_invoke, emulated, name, function)
        ticker = Ticker(call, CADENCES[name], metrics.hear, partial(_say, name))
        threads.append(Thread(target=ticker.run, args=(stopping,), daemon=True, name=name))
        threads[-1].start()
    while not stopping.wait(LOOK_S):
        if not all(thread.is_alive() for thread in threads):
            sys.exit(1)
        metrics.hand_on()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sluice.local.scheduler", description=__doc__)
    parser.add_argument("--emulator", required=True, help="where the emulator is, such as http://127.0.0.1:4566")
    parser.add_argument("--function", action="append", required=True, type=_function, metavar="NAME=FUNCTION")
    return parser.parse_args()


def _function(text: str) -> tuple[str, str]:
    name, _, function = text.partition("=")
    if name not in CADENCES or not function:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FUNCTION with a name of {', '.join(CADENCES)}")
    return name, function


def _invoke(emulated: Emulated, name: str, function: str) -> Invoked:
    return emulated.invoke(function, scheduled_event(name, str(uuid4()), datetime.now(UTC), ACCOUNT_ID, REGION))


def _say(of_what: str, problem: str) -> None:
    print(f"{to_text(datetime.now(UTC))} {of_what}: {problem}", flush=True)


def _stop_on_signals() -> Event:
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


if __name__ == "__main__":
    main()
