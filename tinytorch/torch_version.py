"""``torch.__version__``: a string that compares as a version, so that ``torch.__version__ >= "2.4"`` is true for 2.13."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from tinytorch.version import __version__ as _internal_version

__all__ = ["TorchVersion"]

# The version scheme of Python packages (PEP 440): epoch, release, pre-, post- and development release, local label.
_VERSION = re.compile(
    r"""\s*v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]*))?
    (?P<post>-(?P<post_implicit>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]*))?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_PRE_RANK = {"alpha": 0, "a": 0, "beta": 1, "b": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}


class _NotAVersion(ValueError):
    """The text does not follow the scheme."""


def _sort_key(text: str) -> tuple[Any, ...]:
    match = _VERSION.fullmatch(text)
    if match is None:
        raise _NotAVersion(text)
    release = [int(part) for part in match["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    has_pre, has_post, has_dev = match["pre"] is not None, match["post"] is not None, match["dev"] is not None
    pre: tuple[int, int]
    if has_pre:
        pre = (_PRE_RANK[match["pre"].lower()], int(match["pre_number"] or 0))
    elif has_dev and not has_post:
        pre = (-1, 0)  # 1.0.dev1 comes before 1.0a1
    else:
        pre = (3, 0)
    post = int(match["post_implicit"] or match["post_number"] or 0) if has_post else -1
    dev = (0, int(match["dev_number"] or 0)) if has_dev else (1, 0)
    # No local label sorts first; within one, numbers sort after words.
    parts = re.split(r"[-_.]", match["local"].lower()) if match["local"] else []
    local = tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
    return (int(match["epoch"] or 0), tuple(release), pre, post, dev, local)


class TorchVersion(str):
    """A string with the six comparisons of versions.

    The other side may be a string or an iterable of parts, ``(2, 4)``. Where one of them is no version, they compare as
    strings.
    """

    def _compare(
        self, other: Any, keys: Callable[[Any, Any], bool], texts: Callable[[str, Any], bool]
    ) -> bool:
        if isinstance(other, str):
            text: str = other
        elif isinstance(other, Iterable):
            text = ".".join(str(part) for part in other)
        else:
            return NotImplemented  # type: ignore[no-any-return]
        try:
            return keys(_sort_key(self), _sort_key(text))
        except _NotAVersion:
            return texts(str(self), other)

    def __lt__(self, other: Any) -> bool:
        return self._compare(other, lambda a, b: a < b, str.__lt__)

    def __le__(self, other: Any) -> bool:
        return self._compare(other, lambda a, b: a <= b, str.__le__)

    def __gt__(self, other: Any) -> bool:
        return self._compare(other, lambda a, b: a > b, str.__gt__)

    def __ge__(self, other: Any) -> bool:
        return self._compare(other, lambda a, b: a >= b, str.__ge__)

    def __eq__(self, other: Any) -> bool:
        return self._compare(other, lambda a, b: a == b, str.__eq__)

    # As in torch, `!=` and the hash are those of strings.
    __hash__ = str.__hash__


__version__ = TorchVersion(_internal_version)
