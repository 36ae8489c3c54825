"""The evidence that `verify` weighs: one survey of the stores, with the stream, the ledger and CORE beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chalicelib.core.ledger import Entry, State
from sluice.local.audit.holdings import Holdings
from sluice.local.audit.ledger import LedgerView
from sluice.local.audit.rows import CoreBreach, core_breaches, rows_in_core
from sluice.local.audit.stores import Stores
from sluice.local.audit.stream_lines import StreamLines
from sluice.local.audit.survey import Survey, take_survey


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known of every line and file. `ledger` knows files by their keys in landing."""

    survey: Survey = field(default_factory=Survey)
    ledger: Mapping[str, Entry] = field(default_factory=dict)
    core: tuple[CoreBreach, ...] = ()
    rows_in_core: int = 0


def evidence_reader(stores: Stores) -> Callable[[], Evidence]:
    """Return what reads the evidence, as often as it is called; only the first time it reads all there is."""
    holdings, stream = Holdings(stores), StreamLines(stores)

    def read() -> Evidence:
        survey = take_survey(stores, holdings, stream.read)
        ledger = {entry.file.key: entry for entry in LedgerView(stores).newest(tuple(State))}
        return Evidence(survey, ledger, core_breaches(stores.warehouse), rows_in_core(stores.warehouse))

    return read
