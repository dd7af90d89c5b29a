"""`import nest_asyncio`, as pasted code has it, gives nest-asyncio2, which goes on where that one was given up."""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

OLD, MAINTAINED = "nest_asyncio", "nest_asyncio2"


class _Maintained(MetaPathFinder, Loader):
    """Finds the one where the other is asked for, also where both are installed: the old one stops Run All for good."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname == OLD else None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[OLD] = importlib.import_module(MAINTAINED)  # what `import` then gives


def use_maintained() -> None:
    """From now on `import nest_asyncio` gives nest-asyncio2 in this process; one that is loaded already stays.

    >>> use_maintained()
    >>> import nest_asyncio
    >>> nest_asyncio.__name__
    'nest_asyncio2'
    """
    if not any(isinstance(finder, _Maintained) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Maintained())
