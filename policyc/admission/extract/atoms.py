"""What a plain value of a variable or a flag asks for, given what its name means."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.extract.hosts import Place, place_of, places_of_url, urls_in
from policyc.admission.extract.lists import words_of
from policyc.admission.extract.names import Meaning, meaning, provider
from policyc.admission.requested import All, Ask, Known, Model, Tool, Unknown
from policyc.core.canonical import digest

DOMAIN = {
    Meaning.TOOLS: "tools",
    Meaning.TOOLSETS: "tools",
    Meaning.MCP: "tools",
    Meaning.MODEL: "models",
    Meaning.EGRESS: "egress",
    Meaning.PEER: "egress",
    Meaning.PROXY: "egress",
    Meaning.NO_PROXY: "egress",
    Meaning.RUNTIME: "runtime",
}
_SHOWN = 80


def shown(text: str) -> str:
    """A value as messages have it: no line breaks, not long, and different for different values."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]}... ({marked(text)})"


def marked(text: str) -> str:
    """What tells a value from others where it is not shown: the ratchet goes by messages."""
    return f"sha256 {digest(text.encode()).removeprefix('sha256:')[:16]}"


def plain_asks(name: str, value: str, path: str, *, has_list: bool) -> Iterator[Ask]:
    """The asks of ``name=value``; ``has_list``: a list of tools stands beside it."""
    match meaning(name):
        case Meaning.TOOLS:
            yield from tool_asks(value, path)
        case Meaning.TOOLSETS:
            if value.strip():
                why = f"a set of tools stands for tools that it does not name: list the tools ({marked(value)})"
                yield Ask("tools", shown(value), path, Unknown("ALL_TOOLS", why))
        case Meaning.MCP:
            yield from server_asks(value, path, has_list=has_list)
        case Meaning.MODEL:
            yield from model_asks(value, path, provider(name))
        case Meaning.EGRESS:
            yield from _listed_hosts(value, path)
        case Meaning.PEER:
            yield from peer_asks(value, path)
        case Meaning.PROXY | Meaning.NO_PROXY:
            for ask in _listed_hosts(value, path):
                yield Ask("proxy", f"{name} {ask.text}", ask.path, ask.capability)
        case Meaning.RUNTIME:
            why = f"`{name}` makes programs run, find or trust something else than the image says ({marked(value)})"
            yield Ask("runtime", name, path, Unknown("RUNTIME_OVERRIDE", why))
        case None:
            yield from url_asks(value, path)


def tool_asks(value: str, path: str, servers: tuple[str, ...] = ()) -> Iterator[Ask]:
    """The tools of a written list."""
    words = words_of(value)
    if words is None:
        yield Ask("tools", shown(value), path, Unknown("NOT_A_LIST", "it is no list of names"))
    else:
        for word in words:
            yield tool_ask(word, path, servers)


def tool_ask(word: str, path: str, servers: tuple[str, ...] = ()) -> Ask:
    """One tool by its name."""
    if not word.isascii():
        why = f"`{word}` holds characters outside ASCII, which look like others or like none"
        return Ask("tools", shown(word), path, Unknown("NON_ASCII", why))
    if any(c in "*?[]{}()|^$+\\" for c in word):
        why = f"`{word}` is a pattern: name the tools one by one"
        return Ask("tools", shown(word), path, Unknown("WILDCARD", why))
    return Ask("tools", shown(word), path, Known(Tool(word, servers)))


def model_asks(value: str, path: str, vendor: str = "") -> Iterator[Ask]:
    """The models of a written list."""
    for word in _words(value):
        if not word.isascii():
            why = f"`{word}` holds characters outside ASCII"
            yield Ask("models", shown(word), path, Unknown("NON_ASCII", why))
        elif "*" in word:
            yield Ask("models", word, path, Unknown("WILDCARD", f"`{word}` is a pattern"))
        elif word.strip():
            yield Ask("models", shown(word), path, Known(Model(word, vendor)))


def _words(value: str) -> tuple[str, ...]:
    """The words of a list; the text itself where it is no list."""
    words = words_of(value)
    return (value,) if words is None else words


def server_asks(value: str, path: str, *, has_list: bool) -> Iterator[Ask]:
    """The MCP servers of a value: URLs, files or names."""
    words = words_of(value)
    if words is None:
        why = "it is no list of servers, and no configuration of any"
        yield Ask("tools", shown(value), path, Unknown("NOT_A_LIST", why))
    for word in words or ():
        if word.startswith(("/", "./", "~")):
            continue  # a file: what stands in it is judged where it is mounted
        urls = list(urls_in(word))
        yield from url_asks(word, path)
        server = server_name(urls[0][1]) if urls else word
        if urls and not has_list:
            yield Ask("tools", shown(word), path, All((server,)))
        elif not urls:
            yield from _named_server(word, path, has_list=has_list)


def _named_server(word: str, path: str, *, has_list: bool) -> Iterator[Ask]:
    if ":" in word or "." in word:
        yield from peer_asks(word, path)
        word = word.partition(":")[0].partition(".")[0]
    if not has_list:
        yield Ask("tools", shown(word), path, All((word,)))


def server_name(rest: str) -> str:
    """What a server at ``rest`` (a URL behind ``://``) would be called: its host's first label."""
    return rest.partition("/")[0].rpartition("@")[2].partition(":")[0].partition(".")[0].lower()


def peer_asks(value: str, path: str) -> Iterator[Ask]:
    """Hosts of a value that is a URL, a host, or a list of either."""
    if "://" in value:
        yield from url_asks(value, path)
        return
    for word in _words(value):
        if not word.startswith(("/", "./", "~", "@")):
            yield from place_asks(place_of(word), word, path)


def url_asks(value: str, path: str) -> Iterator[Ask]:
    """Hosts of all URLs in a text."""
    if "://" not in value:
        return
    for scheme, rest in urls_in(value):
        for place in places_of_url(scheme, rest):
            yield from place_asks(place, f"{scheme}://{_without_secret(rest)}", path)


def _without_secret(rest: str) -> str:
    """What follows ``://`` without user and password, and without its query."""
    authority, slash, tail = rest.partition("/")
    return (authority.rpartition("@")[2] + slash + tail).partition("?")[0]


def place_asks(place: Place, text: str, path: str) -> Iterator[Ask]:
    """The ask of a place; none for what stays in the pod."""
    if isinstance(place, Unknown):
        yield Ask("egress", shown(text), path, place)
    elif place is not None:
        yield Ask("egress", shown(text), path, Known(place))


def _listed_hosts(value: str, path: str) -> Iterator[Ask]:
    words = words_of(value)
    if words is None:
        yield Ask("egress", shown(value), path, Unknown("NOT_A_LIST", "it is no list of hosts"))
        return
    for word in words:
        if "://" in word:
            yield from url_asks(word, path)
        elif word == "*":
            yield Ask("egress", word, path, Unknown("WILDCARD", "`*` is every host"))
        elif word in ("0.0.0.0", "::"):  # noqa: S104  # read, not bound
            why = f"`{word}` is every address to some programs and the pod itself to others"
            yield Ask("egress", word, path, Unknown("AMBIGUOUS_HOST", why))
        else:
            host = "*" + word if word.startswith(".") else word
            yield from place_asks(place_of(host), word, path)
