"""What packages are built for: Lambda's Python and processor, taken from the interpreter that builds them."""

import platform
import sys
from dataclasses import dataclass
from typing import Self

ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
WHEEL_SUFFIXES = {"x86_64": "x86_64", "arm64": "aarch64"}


class UnsupportedMachineError(Exception):
    """Lambda has no processor like this machine's."""


@dataclass(frozen=True, slots=True)
class Target:
    """A Python such as "3.11" on one of Lambda's two architectures."""

    python: str
    architecture: str

    @classmethod
    def of_this_machine(cls) -> Self:
        """Return the target that runs here and in Lambda alike. Raises UnsupportedMachineError."""
        machine = platform.machine().lower()
        if machine not in ARCHITECTURES:
            raise UnsupportedMachineError(f"Lambda runs {sorted(set(ARCHITECTURES.values()))}, not {machine}.")
        return cls(f"{sys.version_info.major}.{sys.version_info.minor}", ARCHITECTURES[machine])

    @property
    def runtime(self) -> str:
        """Lambda's name for the Python."""
        return f"python{self.python}"

    @property
    def wheel_platform(self) -> str:
        """The oldest platform among Lambda's runtimes; newer ones run its wheels. Source: PEP 599."""
        return f"manylinux2014_{WHEEL_SUFFIXES[self.architecture]}"
