"""What the envelopes of a bundle take in memory, of which few are ever opened."""

from __future__ import annotations

from pathlib import Path

from support.load import IS_LONG
from support.webhook import Webhook

from tests.bench import many

MIB = 2**20
MOST, LIMIT_BYTES = 10_000, 200 * MIB
SIZES = (10, 1_000, MOST) if IS_LONG else (10, 1_000)


def peak_bytes(folder: Path, size: int) -> int:
    """The most that a process held until it was ready with so many envelopes."""
    many.write(folder / "bundle", size)
    keys = folder / "bundle.pub"
    keys.write_text(f"{many.KEY.verifier}\n")
    bundle = folder / "bundle"
    with Webhook(folder / "webhook", bundle=bundle, unsigned=None, public_keys=[keys]) as webhook:
        status = Path(f"/proc/{webhook.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_ten_thousand_envelopes_fit_into_200_mib(tmp_path: Path) -> None:
    """By how a thousand grow it; in the long profile ten thousand are loaded."""
    peaks = {size: peak_bytes(tmp_path / str(size), size) for size in SIZES}
    each = (peaks[1_000] - peaks[10]) / 990
    assert each > 0, peaks
    assert peaks[10] + MOST * each < LIMIT_BYTES, peaks
    assert peaks.get(MOST, 0) < LIMIT_BYTES, peaks
