"""How much a profile can still be expected to grow.

The expected number of new items in the next run is f1/k: items seen in exactly one of
k runs, over k (Good and Turing's estimate; Good 1953, Biometrika 40).
"""

from __future__ import annotations

from policyc.profiles.base import AgentProfile


def statistics(profile: AgentProfile) -> list[dict[str, str | int]]:
    """A row a domain: items, runs, items seen once, expected new items (two decimals), lost events."""
    runs = len(profile.runs)
    rows: list[dict[str, str | int]] = []
    for domain in sorted(profile.items):
        items = [
            item for item in profile.items[domain] if item.phase != "setup" and not item.is_vain
        ]
        once = sum(len(item.runs) == 1 for item in items)
        rows.append(
            {
                "domain": domain,
                "items": len(items),
                "runs": runs,
                "once": once,
                "newNextRun": f"{once / runs:.2f}" if runs else "unknown",
                "lost": sum(dict(run.loss).get(domain, 0) for run in profile.runs),
            }
        )
    return rows
