"""Takes the network libraries away from a process before parsedmarc is imported there, which would load them.

A worker reads what strangers wrote: it needs neither DNS, HTTP, SMTP nor IMAP, and starts in half the time and memory
without them.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Self

PACKAGES = ("dns", "httpx", "mailparser", "mailsuite", "tqdm")


class NotHere(Exception):
    """Stands for each class of a library that was taken away: nothing raises it, and nobody can make one."""

    def __new__(cls, *_: object, **__: object) -> Self:
        """Raises RuntimeError."""
        raise RuntimeError(f"a worker has no {cls.__module__}.{cls.__name__}")


class _Hollow(ModuleType):
    """A module whose every name is a class that nobody can make an instance of."""

    def __getattr__(self, name: str) -> type[NotHere]:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (NotHere,), {"__module__": self.__name__})


class _Taken(MetaPathFinder, Loader):
    """Finds PACKAGES, and everything in them, hollow."""

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """A hollow module for a name of PACKAGES."""
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] in PACKAGES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The hollow module itself."""
        return _Hollow(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """A hollow module has no code."""


def take_away() -> None:
    """From now on PACKAGES are hollow in this process. Call before anything imports them."""
    sys.meta_path.insert(0, _Taken())
