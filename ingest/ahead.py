"""What the store knows of the bytes of messages before a worker reads them: the same bytes are read once only."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Engine

from ingest.files import unread
from ingest.reading import Message
from settings import Limits
from store import ledger

AHEAD_MESSAGES = 8
REMEMBERED_STATES = 4_000


class Ahead:
    """What is known of the bytes of messages: asked of the ledger for a few at a time, before a worker gets them, and
    remembered of those that were saved since, which the ledger could not tell then."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine = engine
        self._limits = limits
        self._states: OrderedDict[str, str] = OrderedDict()

    def looked_up(self, messages: Iterable[Message], pause: Callable[[], None]) -> Iterator[Message]:
        """The same messages, in groups so small that the network and the workers do not wait for each other; `pause`
        is called before each, since the next message may be long in coming."""
        coming = iter(messages)
        while True:
            pause()
            group = list(islice(coming, AHEAD_MESSAGES))
            if not group:
                return
            self._look_up(group)
            yield from group

    def is_wanted(self, message: Message) -> bool:
        """Whether the message must be read: its bytes are there, and not in the store already."""
        return not unread(message, self._limits) and not is_done(self.state(message))

    def state(self, message: Message) -> str | None:
        """What became of the same bytes before; None when they are new."""
        return self._states.get(message.sha256)

    def remember(self, message: Message, state: str) -> None:
        """A message was saved; long enough remembered for all that was looked up before its commit."""
        self._states[message.sha256] = state
        while len(self._states) > REMEMBERED_STATES:
            self._states.popitem(last=False)

    def forget(self, messages: Sequence[Message]) -> None:
        """These were taken back: the ledger is asked again."""
        for message in messages:
            self._states.pop(message.sha256, None)
        self._look_up(messages)

    def _look_up(self, messages: Sequence[Message]) -> None:
        with self._engine.connect() as connection:
            known = ledger.known_states(connection, [message.sha256 for message in messages])
        for sha256, state in known.items():
            self._states.setdefault(sha256, state)


def is_done(state: str | None) -> bool:
    """Whether a message of this state need not be read again."""
    return state is not None and state != "quarantined"
