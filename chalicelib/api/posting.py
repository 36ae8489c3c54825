"""A post from request to answer: authenticate, collect, keep what failed, deliver the rest, say so.

This is the order in which nothing is lost: failed events are stored and lines confirmed or spilled before
the answer.
"""

import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from chalicelib.api.answer import Answer, answer, refusal
from chalicelib.api.post import Post, RefusalError, read_elements
from chalicelib.core.failed_event import FailedEvent
from chalicelib.core.limits import MAX_IDEMPOTENCY_KEY_CHARACTERS, MAX_TEXT_CHARACTERS
from chalicelib.core.line import Receipt
from chalicelib.core.metrics import dead_letters_by_type
from chalicelib.stages.budget import Budget
from chalicelib.stages.collect import ANONYMOUS, Batch, Collect
from chalicelib.stages.spill import Delivered, Delivery

_NAMESPACE = uuid.UUID("5a0e4d0e-33a8-5d6e-8c53-5d0b6f9d1c77")
"""The name space of ids made from an Idempotency-Key. It never changes, so that a retry finds its id."""


class DeadLetterStore(Protocol):
    """Where failed events are kept."""

    def keep(self, failed_events: Sequence[FailedEvent]) -> bool:
        """Store failed events of one stage; tell whether they are safe. An error is logged, not raised."""


class RequestLog(Protocol):
    """One structured line a request, from which the counts are derived."""

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append one entry."""


@dataclass(frozen=True, slots=True)
class Token:
    """Who may post: a name, the SHA-256 of the token in hexadecimal, the types it may send (None: all)."""

    name: str
    sha256: str
    types: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """The whole of `POST /v1/events`, given its stages and ports."""

    collect: Collect
    delivery: Delivery
    dead_letters: DeadLetterStore
    request_log: RequestLog
    tokens: Sequence[Token]
    new_id: Callable[[], str]
    now: Callable[[], str]

    def post(self, post: Post, budget: Budget) -> Answer:
        """Answer one post. Every event in it is accepted, rejected and kept, or reported unavailable.

        `budget` is all the time there is until the answer must be out.
        """
        try:
            receipt = self._receipt(post)
            make_id = self._id_maker(post, receipt)
            elements, body = read_elements(post)
        except RefusalError as fault:
            return self._refuse(fault, post)
        batch = self.collect.judge(elements, receipt, make_id)
        kept = self.dead_letters.keep(list(batch.failed.values())) if batch.failed else True
        delivered = self.delivery.deliver(batch.lines, receipt, budget)
        self._log(receipt, batch, delivered, len(body))
        return answer(receipt.id, batch, delivered.unavailable, kept)

    def _receipt(self, post: Post) -> Receipt:
        agent = "".join(filter(str.isprintable, post.headers.get("user-agent", "")))
        return Receipt(
            id=self.new_id(),
            received_at=self.now(),
            principal=self._principal(post.headers.get("authorization", "")),
            client_ip=post.client_ip,
            user_agent=agent[:MAX_TEXT_CHARACTERS] or None,
        )

    def _principal(self, authorization: str) -> str:
        """Return the token's name. Raises RefusalError 401 when tokens are asked for and none fits."""
        if not self.tokens:
            return ANONYMOUS
        scheme, _, secret = authorization.partition(" ")
        digest = hashlib.sha256(secret.strip().encode()).hexdigest()
        fitting = [token for token in self.tokens if hmac.compare_digest(token.sha256, digest)]
        if scheme.lower() != "bearer" or not fitting:
            raise _unauthorized()
        return fitting[0].name

    def _id_maker(self, post: Post, receipt: Receipt) -> Callable[[int], str]:
        """Return how ids are made: from the Idempotency-Key and the index, else new ones."""
        key = post.headers.get("idempotency-key")
        if key is None:
            return lambda _: self.new_id()
        if not (1 <= len(key) <= MAX_IDEMPOTENCY_KEY_CHARACTERS and key.isprintable()):
            raise _bad_idempotency_key()
        return lambda index: str(uuid.uuid5(_NAMESPACE, f"{receipt.principal}\n{key}\n{index}"))

    def _refuse(self, fault: RefusalError, post: Post) -> Answer:
        """Answer a post that is refused whole; an unreadable body becomes one failed event first."""
        if fault.rejection is None or not post.body.strip():
            return refusal(fault.error, fault.status)
        receipt = self._receipt(post)
        failed = self.collect.unreadable(fault.rejection, post.body, receipt, post.attributes or {})
        kept = self.dead_letters.keep([failed])
        self._log(receipt, Batch((failed.identity.id,), (), {0: failed}), Delivered(), len(post.body))
        return refusal(fault.error, fault.status, failed.id if kept else None)

    def _log(self, receipt: Receipt, batch: Batch, delivered: Delivered, body_bytes: int) -> None:
        self.request_log.write(
            {
                "receipt": receipt.id,
                "received_at": receipt.received_at,
                "principal": receipt.principal,
                "body_bytes": body_bytes,
                "offered": len(batch.ids),
                "accepted": len(batch.lines) - len(delivered.unavailable),
                "rejected": len(batch.failed),
                "unavailable": len(delivered.unavailable),
                "spilled": len(delivered.spilled),
                "dead_letters": dead_letters_by_type(batch.failed.values()),
            }
        )


def _unauthorized() -> RefusalError:
    return RefusalError(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        "no valid token",
        "Send header Authorization: Bearer <token>, with a token that was issued to you.",
    )


def _bad_idempotency_key() -> RefusalError:
    return RefusalError(
        HTTPStatus.BAD_REQUEST,
        "bad_idempotency_key",
        f"Idempotency-Key must have 1 to {MAX_IDEMPOTENCY_KEY_CHARACTERS} printable characters",
        "Send one UUID for each request, and the same one when you retry it.",
    )
