"""The words of a pod that its containers' asks follow from, as a key."""

from __future__ import annotations

import marshal
from collections.abc import Hashable

from policyc.admission.extract.claims import CLAIMS
from policyc.admission.extract.names import meaning
from policyc.admission.extract.pods import OF_FILES
from policyc.admission.pods import Pod
from policyc.core.canonical import Json

_MOST = 512
_LONGEST = 8192
_MARSHAL_VERSION = 2
"""The last in which equal values have equal bytes: later ones refer back."""

_Texts = list[str | bytes | None]


def wording(pod: Pod) -> Hashable | None:
    """The variables and command lines of all containers, and what annotations claim of them.

    None where more has a say, such as a ConfigMap or a file on a volume, and where it is too
    long to be kept.  Equal wordings ask for the same things: they hold texts only, since
    1 equals True in Python.
    """
    texts: _Texts = [pod.annotations.get(name) for name in CLAIMS] if pod.annotations else []
    counts = [len(texts)]
    for container in pod.containers():
        body = container.body
        if (
            body.get("envFrom")
            or not _add_words(body.get("command"), texts, counts)
            or not _add_words(body.get("args"), texts, counts)
            or not _add_variables(body.get("env"), texts)
        ):
            return None
        counts.append(len(texts))
    if len(texts) > _MOST or sum([len(text) for text in texts if text]) > _LONGEST:
        return None
    return tuple(counts), tuple(texts)


def _add_words(words: Json, texts: _Texts, counts: list[int]) -> bool:
    """Whether it is a list of texts, or absent."""
    if words:
        if not isinstance(words, list) or len(words) > _MOST:
            return False
        for word in words:
            if not isinstance(word, str):
                return False
            texts.append(word)
    counts.append(len(texts))
    return True


def _add_variables(env: Json, texts: _Texts) -> bool:
    """Names, values and the sources of values; whether that is all that they follow from."""
    if not env:
        return True
    if not isinstance(env, list) or len(env) > _MOST:
        return False
    for entry in env:
        if not isinstance(entry, dict):
            return False
        name, value = entry.get("name"), entry.get("value")
        if not isinstance(name, str) or not (value is None or isinstance(value, str)):
            return False
        if value and value[0] == "/" and meaning(name) in OF_FILES:
            return False
        texts.append(name)
        texts.append(value)
        if "valueFrom" in entry:
            source = entry["valueFrom"]
            if not isinstance(source, dict) or "configMapKeyRef" in source:
                return False
            texts.append(marshal.dumps(source, _MARSHAL_VERSION))
    return True
