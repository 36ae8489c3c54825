"""Start the shim and serve until stopped."""

import argparse
from contextlib import suppress
from pathlib import Path

from sluice.local.faults import FaultFile
from sluice.local.shim.gate import Gate
from sluice.local.shim.server import ShimServer


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m sluice.local.shim", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="where the emulator is, such as http://127.0.0.1:4566")
    parser.add_argument("--faults", type=Path, required=True, help="the file that says which faults are on")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt), ShimServer(options.port, options.upstream, Gate(FaultFile(options.faults))) as it:
        it.serve_forever()


if __name__ == "__main__":
    main()
