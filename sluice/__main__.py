"""`python -m sluice` is `bin/sluice`."""

from sluice.cli import main

if __name__ == "__main__":
    main(prog_name="bin/sluice")
