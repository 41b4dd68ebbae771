"""The door to YAML: strict in, stable out.

Values are JSON's types only.  Timestamps, octals and the other surprises of YAML
1.1 are read as the strings or numbers that JSON would hold, and written quoted.  Aliases
and merge keys are followed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from operator import is_
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from policyc.core.canonical import Json

_HEAD = ("apiVersion", "kind", "metadata", "name", "namespace")
_MAX_DEPTH = 64
_MAX_NODES = 200_000
_TAG = "tag:yaml.org,2002:"
_STR, _SEQ, _MAP, _MERGE = (_TAG + kind for kind in ("str", "seq", "map", "merge"))
_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # C where PyYAML was built with it
_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_SHORT = 64
"""Characters of a scalar whose tag is remembered: a long one hardly comes again."""


@lru_cache(maxsize=1 << 12)
def _remembered(text: str) -> str:
    return _tag_of(text)


def _tag_of(text: str) -> str:
    tag: str = _RESOLVER.resolve(ScalarNode, text, (True, False))
    return tag


_RESOLVER: Any = yaml.resolver.Resolver()


class _Tags:
    """PyYAML's resolver, which asks a row of regular expressions for every scalar, with a memory.

    Kubernetes objects repeat the same few words.  We have no path resolvers, so nothing is
    to be done on the way down and up.
    """

    def resolve(self, kind: type[Node], value: str, implicit: tuple[bool, bool]) -> str:
        if kind is ScalarNode:
            if not implicit[0]:
                return _STR
            return _remembered(value) if len(value) <= _SHORT else _tag_of(value)
        return _SEQ if kind is SequenceNode else _MAP

    # Called for every node, and without effect: functions in C cost nothing.
    descend_resolver = staticmethod(is_)
    ascend_resolver = staticmethod(object)


class _Loader(_Tags, _BaseLoader):  # type: ignore[misc]  # one of two classes, told at run time
    pass


class YamlError(ValueError):
    """A text that is not the YAML we read; ``offset`` is a 0-based character offset."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def load(data: bytes) -> Json:
    """The value of a YAML text of one document; raises YamlError."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise YamlError("it is not UTF-8", fault.start) from None
    documents = load_all(text)
    if len(documents) != 1:
        raise YamlError(f"{len(documents)} documents where one is expected")
    return documents[0]


def load_all(text: str) -> list[Json]:
    """The documents of a YAML stream; raises YamlError.

    Refused: duplicate keys, keys that are no strings, tags, more than 64 levels,
    and more than 200,000 values after aliases are expanded.
    """
    return [value for value, _ in compose_all(text)]


def compose_all(text: str) -> list[tuple[Json, Node]]:
    """The documents of a YAML stream with their nodes, which know their places.

    Raises YamlError as ``load_all`` does.
    """
    try:
        return [
            (_value(node, _Budget()), node)
            for node in yaml.compose_all(text, Loader=_Loader)
            if node is not None
        ]
    except yaml.YAMLError as fault:
        raise _as_error(fault) from None
    except RecursionError:
        raise YamlError("nested too deeply") from None


class _Budget:
    """Counts values, aliases expanded, so that a small text cannot make a large one."""

    def __init__(self) -> None:
        self.left = _MAX_NODES


def _value(node: Node | None, budget: _Budget, depth: int = 0) -> Json:
    if node is None:
        return None
    budget.left -= 1
    if budget.left < 0:
        raise YamlError("too many values after aliases are expanded", _offset(node))
    if depth > _MAX_DEPTH:
        raise YamlError("nested too deeply", _offset(node))
    if isinstance(node, ScalarNode):
        return _scalar(node)
    if isinstance(node, SequenceNode):
        _check_tag(node, "seq")
        return [_value(child, budget, depth + 1) for child in node.value]
    assert isinstance(node, MappingNode)
    _check_tag(node, "map")
    result: dict[str, Json] = {}
    merges = False
    for key_node, child in node.value:
        if not isinstance(key_node, ScalarNode):
            raise YamlError("a key is not a string", _offset(key_node))
        key = key_node.value
        if key in result:
            raise YamlError(f"the key `{key}` stands twice in one mapping", _offset(key_node))
        result[key] = _value(child, budget, depth + 1)
        if key_node.tag == _MERGE:
            merges = True
            if not _are_mappings(result[key]):
                raise YamlError("only mappings can be merged", _offset(key_node))
    return _merged(result) if merges else result


def _are_mappings(value: Json) -> bool:
    return all(isinstance(v, dict) for v in (value if isinstance(value, list) else [value]))


def _merged(written: dict[str, Json]) -> dict[str, Json]:
    """What ``<<`` refers to, as kubectl reads it: a key that stands here, or came first, stays.

    https://yaml.org/type/merge.html
    """
    found = written.pop("<<")
    for one in found if isinstance(found, list) else [found]:
        assert isinstance(one, dict)
        for key, value in one.items():
            written.setdefault(key, value)
    return written


def _scalar(node: ScalarNode) -> Json:
    text: str = node.value
    if node.tag == _STR:
        return text
    match node.tag.removeprefix(_TAG):
        case "timestamp" | "merge" | "value":
            return text
        case "null":
            return None
        case "bool":
            # YAML 1.1's yes, no, on and off are strings to the Kubernetes API server too.
            return text.lower() == "true" if text.lower() in ("true", "false") else text
        case "int":
            return int(text) if text.lstrip("-").isdigit() and not _is_octal(text) else text
        case "float":
            return text
    raise YamlError(f"the tag `{node.tag}` has no JSON type", _offset(node))


def _is_octal(text: str) -> bool:
    digits = text.lstrip("-")
    return len(digits) > 1 and digits.startswith("0")


def _check_tag(node: Node, kind: str) -> None:
    if node.tag != _TAG + kind:
        raise YamlError(f"the tag `{node.tag}` has no JSON type", _offset(node))


def _offset(node: Node) -> int:
    return int(node.start_mark.index) if node.start_mark else 0


def _as_error(fault: yaml.YAMLError) -> YamlError:
    mark = getattr(fault, "problem_mark", None)
    problem = getattr(fault, "problem", None) or str(fault)
    return YamlError(str(problem), int(mark.index) if mark else 0)


_PLAIN_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/")
_PLAIN = _PLAIN_FIRST | frozenset("0123456789-._/")
_WORDS = frozenset("y n yes no on off true false null none nan inf".split())


def _is_plain(value: str) -> bool:
    """Whether every YAML reader takes the bare text as this very string."""
    return (
        bool(value)
        and value[0] in _PLAIN_FIRST
        and _PLAIN.issuperset(value)
        and value.lower() not in _WORDS
    )


def dump(document: Json) -> bytes:
    """The document as YAML, keys in Kubernetes' order, the same bytes for the same value.

    Written here and not by PyYAML, which takes five times as long: JSON's values need few of
    YAML's forms.  Strings that anything could read as something else are quoted, and nothing
    becomes an alias.
    """
    out: list[str] = []
    if _is_block(document):
        _write(document, "", "", out.append, top=True)
    else:
        out.append(_inline(document) + "\n")
    return "".join(out).encode()


def _is_block(value: Json) -> bool:
    return isinstance(value, (dict, list)) and bool(value)


def _write(
    value: Json, first: str, rest: str, write: Callable[[str], object], *, top: bool = False
) -> None:
    """A mapping or sequence that is not empty; ``first`` and ``rest`` stand before its lines."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, (dict, list)) and item:
                _write(item, first + "- ", rest + "  ", write)
            else:
                write(f"{first}- {_inline(item)}\n")
            first = rest
        return
    assert isinstance(value, dict)
    for key in _ordered(value, top=top):
        item = value[key]
        if isinstance(item, (dict, list)) and item:
            write(f"{first}{_text(key)}:\n")
            below = rest if isinstance(item, list) else rest + "  "
            _write(item, below, below, write)
        else:
            write(f"{first}{_text(key)}: {_inline(item)}\n")
        first = rest


def _ordered(value: dict[str, Json], *, top: bool) -> list[str]:
    """What names an object comes first."""
    if not top and "name" not in value:
        return sorted(value)
    head = [key for key in _HEAD if key in value]
    return [*head, *sorted(key for key in value if key not in head)]


def _inline(value: Json) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value).lower()  # true and false are numbers to Python
    return "null" if value is None else "[]" if isinstance(value, list) else "{}"


def _text(value: str) -> str:
    """A JSON string is YAML's double-quoted style as long as it is ASCII."""
    if _is_plain(value):
        return value
    if value.isascii() and "\x7f" not in value:
        return json.dumps(value)
    node = ScalarNode(_STR, value, style='"')
    text: str = yaml.serialize(node, Dumper=_BaseDumper, allow_unicode=True, width=1 << 30)
    return text.removesuffix("\n")
