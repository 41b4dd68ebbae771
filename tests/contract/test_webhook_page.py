"""The page of the webhook lists its settings and its metrics as they are."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from support.admission import cluster, files, pod, request
from support.api_server import ApiServer
from support.samples import ROOT
from support.webhook import write_bundle

from policyc.admission.settings import Settings
from policyc.signing.keys import generate
from webhook.service import Service
from webhook.settings import Serving

PAGE = ROOT / "docs" / "reference" / "webhook.md"
RULE = "|---|---|---|\n"


def table(heading: str, rows: str, *, golden: bool) -> str:
    """The table below a heading on the page, which ``--golden`` renews."""
    text = PAGE.read_text(encoding="utf-8")
    before, head, after = text.partition(f"| {heading} |")
    line, _, rest = after.partition(f"\n{RULE}")
    body, empty, left = (
        rest.partition("\n\n") if not rest.startswith("\n") else ("", "\n", rest[1:])
    )
    if golden:
        text = f"{before}{head}{line}\n{RULE}{rows}\n{left}"
        PAGE.write_text(text, encoding="utf-8")
        return rows
    return f"{body}\n" if empty else body


def written(default: object) -> str:
    """A default as the page writes it."""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if default is None or default in ("", (), frozenset()):
        return "none"
    if isinstance(default, tuple):
        return ", ".join(f"`{item}`" for item in default)
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def flag(name: str) -> str:
    return f"`--{name.replace('_', '-')}`"


def test_every_setting_of_the_server(golden: bool) -> None:
    rows = "".join(
        f"| {flag(f.name)} | {written(f.default)} | {f.metadata['help'].replace('|', '/')} |\n"
        for f in dataclasses.fields(Serving)
        if f.name != "admission"
    )
    assert table("setting", rows, golden=golden) == rows


def test_every_setting_of_decisions() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("| setting of decisions |")[2]
    listed = re.findall(
        r"^\| (`--\S+`) \| (.+?) \| .+ \|$", text.partition("\n\n")[0], re.MULTILINE
    )
    assert listed == [(flag(f.name), written(f.default)) for f in dataclasses.fields(Settings)]


def exposed(folder: Path) -> str:
    """The metrics of a webhook with everything switched on, after one decision."""
    write_bundle(folder / "bundle", files())
    key = generate("log")
    (folder / "key").write_text(key.to_text(), encoding="utf-8")
    with ApiServer(cluster()) as server:
        settings = Serving(
            host="127.0.0.1", port=0, health_port=0, bundle=folder / "bundle", unsigned=True,
            kubeconfig=server.kubeconfig(folder), guard=True, url="https://127.0.0.1:1",
            tls_folder=folder / "tls", log_folder=folder / "log", log_key=folder / "key",
        )  # fmt: skip
        service = Service(settings, lambda: datetime.now(UTC))
        decided = service._judge.validate(request(pod()))
        service._metrics.decided("validate", decided.verdict, 0.001)
        service._metrics.rejected(400)
        text = service._metrics.text().decode()
        assert service._log is not None
        service._log.close()
        for listener in service._servers:
            listener._listener.close()
    return text


def test_every_metric(tmp_path: Path, golden: bool) -> None:
    found = {}
    for family in text_string_to_metric_families(exposed(tmp_path)):
        if family.name.endswith("_created") or not family.samples:
            continue
        labels = sorted({k for sample in family.samples for k in sample.labels} - {"le"})
        name = family.name + ("_total" if family.type == "counter" else "")
        found[name] = (", ".join(f"`{label}`" for label in labels), family.documentation)
    rows = "".join(
        f"| `{name}` | {found[name][0]} | {found[name][1]} |\n" for name in sorted(found)
    )
    assert table("metric", rows, golden=golden) == rows
    assert len(found) > 15
