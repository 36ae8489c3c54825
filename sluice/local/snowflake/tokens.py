"""The tokens of one SQL statement: a reader that walks them, and what a text begins with or holds. Pure.

Comments are no tokens, and what stands inside a string is one token, so a word is only found where it is one.
"""

import re
from dataclasses import dataclass
from typing import Self

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|//[^\n]*|/\*.*?\*/)
      | \$\$.*?\$\$
      | '(?:[^'\\]|''|\\.)*'
      | "(?:[^"]|"")*"
      | [\w$]+
      | \S""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(slots=True)
class Reader:
    """A place in one statement."""

    text: str
    tokens: list[re.Match[str]]
    at: int = 0

    @classmethod
    def of(cls, text: str) -> Self:
        """Return a reader at a statement's beginning; a semicolon at its end is not read."""
        tokens = [token for token in _TOKEN.finditer(text) if not token["comment"]]
        while tokens and tokens[-1][0] == ";":
            tokens.pop()
        return cls(text, tokens)

    def accept(self, words: str) -> bool:
        """Step over these words if they come next."""
        wanted = words.split()
        if [token[0].upper() for token in self.tokens[self.at : self.at + len(wanted)]] != wanted:
            return False
        self.at += len(wanted)
        return True

    def accept_one(self, choices: tuple[str, ...]) -> str | None:
        """Step over the first of these that comes next, and give it."""
        return next((words for words in choices if self.accept(words)), None)

    def name(self) -> str:
        """Take a dotted name, as written."""
        start = self.at
        self.at += 1
        while self.accept("."):
            self.at += 1
        return self._between(start, self.at)

    def string(self) -> str:
        """Take a string, without its quotes."""
        start = self.at
        self.at += 1
        return self._between(start, self.at)[1:-1].replace("''", "'")

    def rest(self) -> str:
        """Give what is not read yet, as written."""
        return self._between(self.at, len(self.tokens))

    def _between(self, start: int, end: int) -> str:
        tokens = self.tokens[start:end]
        return self.text[tokens[0].start() : tokens[-1].end()] if tokens else ""


def first_word(text: str) -> str:
    """Give the statement's first word in upper case; empty when there is none."""
    tokens = Reader.of(text).tokens
    return tokens[0][0].upper() if tokens else ""


def text_from(text: str, words: str) -> str | None:
    """Give the part of a statement that begins with these words; `None` when they never come."""
    reader = Reader.of(text)
    for at in range(len(reader.tokens)):
        reader.at = at
        if reader.accept(words):
            reader.at = at
            return reader.rest()
    return None
