"""Requests to the API server, as the authorizer sees them.

A request without a name (list, watch, create) reaches every object, and one without a
namespace for a namespaced resource every namespace: so it is meant.  Whether a custom
resource is namespaced the request does not tell; one that is not has no requests with
a namespace, so nothing is lost by naming them all.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyc.catalog.kube_api import CLUSTER_SCOPED
from policyc.envelope.domains import KUBE, KUBE_URL
from policyc.envelope.observation import KubeSeen
from policyc.envelope.provenance import Step
from policyc.lower.candidates import Candidate, seen
from policyc.lower.lines import pattern, quoted, resource


def generalise(observation: KubeSeen) -> Iterator[Candidate]:
    if observation.url:
        yield _url(observation)
    else:
        yield _resource(observation)


def _url(observation: KubeSeen) -> Candidate:
    box = {"verb": observation.verb, "url": observation.url}
    region = KUBE_URL.single(box)
    line = f"kube {observation.verb} on url {quoted(observation.url)}"
    return Candidate(region, seen(Step.OBSERVED, observation.sighting), line)


def _resource(observation: KubeSeen) -> Candidate:
    box = {
        "group": observation.group,
        "resource": observation.resource,
        "verb": observation.verb,
    }
    if not (observation.verb and observation.resource):
        raise ValueError(f"kube {observation.verb} on {observation.resource}")
    plural = observation.resource.partition("/")[0]
    line = f"kube {observation.verb} on {resource(observation.group, observation.resource)}"
    if observation.namespace:
        box["namespace"] = observation.namespace
        line += f" in namespace {observation.namespace}"
    elif (observation.group, plural) in CLUSTER_SCOPED:
        box["namespace"] = ""
        line += " in cluster"
    if observation.name:
        box["name"] = observation.name
        line += f" named {pattern(observation.name)}"
    region = KUBE.single(box)
    return Candidate(region, seen(Step.OBSERVED, observation.sighting), line)
