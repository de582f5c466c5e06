"""What the paper says is better than what, as data; judged by the results of the study, and told in words.

A **claim** compares two runs of the study by one or more metrics. Its **verdict** by a metric is that of the paired
difference, better minus worse, on the same captures: "holds" or "reversed" where its 95 % interval leaves out 0,
"not decided" where it does not, "not measured" where a run is missing. The paper's figures are those of ``tables``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from crispnet.evaluate.intervals import Interval
from crispnet.evaluate.measure import paired
from crispnet.evaluate.metrics import HIGHER_IS_BETTER
from crispnet.evaluate.tables import COLUMNS, CONTROLS, TABLES, Study, lay_out, show

VERDICTS = HOLDS, REVERSED, NOT_DECIDED, NOT_MEASURED = "holds", "reversed", "not decided", "not measured"
MOST = ("delta_e", "psnr")
ALL = ("delta_e", "psnr", "ssim")
HEADINGS = {"delta_e": "ΔE76", "psnr": "PSNR", "ssim": "SSIM"}
SETS = {"monitor": "monitor", "real": "real, fine-tuned", "scratch": "real, from scratch"}
NAMES = {
    "csanet": "CSANet",
    "pynet-ca": "PyNET-CA",
    "awnet": "AWNet",
    "awnet-preprocess-wb": "AWNet with preprocessing",
    "unet-residual": "UNet + residual",
    "preprocess-wb": "preprocessing",
    "wb-level-1": "level 1",
    "wb-levels-1-3": "levels 1 to 3",
    "wb-levels-1-4": "levels 1 to 4",
    "wb-levels-1-5": "levels 1 to 5",
    "classification-cnn": "classification CNN",
    "crispnet": "CRISPnet",
    **CONTROLS,
}


@dataclass(frozen=True)
class Claim:
    """One run is better than another.

    Attributes:
        better: its key.
        worse: the other's.
        tables: of the paper in which their figures stand; none where the claim is not the paper's.
        metrics: by which.
        wanted: the relative difference in ΔE76 that this project aims for, such as -0.41, or 0 for "as good".
    """

    better: str
    worse: str
    tables: tuple[int, ...] = ()
    metrics: tuple[str, ...] = MOST
    wanted: float | None = None

    @property
    def words(self) -> str:
        """Name the two, and where they are compared."""
        (here, better), (there, worse) = (key.split("/") for key in (self.better, self.worse))
        if here == there:
            return f"{NAMES[better]} against {NAMES[worse]} ({SETS[here]})"
        return f"{NAMES[better]} ({SETS[here]}) against {NAMES[worse]} ({SETS[there]})"


@dataclass(frozen=True)
class Topic:
    """What the paper says in a sentence, and the claims that it stands on."""

    says: str
    claims: tuple[Claim, ...]


def _beside(better: str, of: str, *names: str, table: int, metrics: tuple[str, ...] = MOST) -> tuple[Claim, ...]:
    return tuple(Claim(f"{of}/{better}", f"{of}/{name}", (table,), metrics) for name in names)


TOPICS = (
    Topic(
        "CRISPnet renders colour better than the published networks and than its own backbone",
        (
            *_beside("crispnet", "monitor", "csanet", "pynet-ca", table=2, metrics=ALL),
            Claim("monitor/crispnet", "monitor/awnet", (2,), ALL, wanted=-0.41),
            Claim("monitor/crispnet", "monitor/unet-residual", (2,), ALL, wanted=-0.38),
            *_beside("crispnet", "real", "csanet", "pynet-ca", table=1),
            Claim("real/crispnet", "real/awnet", (1,), wanted=-0.18),
            *_beside("crispnet", "real", "unet-residual", table=1),
        ),
    ),
    Topic(
        "White balance helps, and helps more by a branch than by preprocessing",
        (
            *_beside("awnet-preprocess-wb", "monitor", "awnet", table=3),
            *_beside("preprocess-wb", "monitor", "unet-residual", table=3),
            *_beside("wb-levels-1-3", "monitor", "unet-residual", "preprocess-wb", "awnet-preprocess-wb", table=3),
        ),
    ),
    Topic(
        "Three levels are the right number to inject it at",
        (
            Claim("monitor/wb-levels-1-3", "monitor/wb-level-1", (3,), wanted=0.0),
            *_beside("wb-levels-1-3", "monitor", "wb-levels-1-4", table=3),
            Claim("monitor/wb-levels-1-3", "monitor/wb-levels-1-5", (3,), wanted=0.0),
        ),
    ),
    Topic(
        "Global semantics help, and XCiT finds them better than a CNN",
        (
            *_beside("classification-cnn", "monitor", "wb-levels-1-3", table=5),
            *_beside("crispnet", "monitor", "wb-levels-1-3", table=5),
            Claim("monitor/crispnet", "monitor/classification-cnn", (5,), wanted=0.0),
            *_beside("classification-cnn", "real", "wb-levels-1-3", table=5),
            *_beside("crispnet", "real", "wb-levels-1-3", table=5),
            Claim("real/crispnet", "real/classification-cnn", (5,), wanted=0.0),
        ),
    ),
    Topic(
        "Learning from a monitor first, then from real scenes, is better than from real scenes only",
        (
            Claim("real/crispnet", "scratch/crispnet", (4,), ALL, wanted=0.0),
            Claim("real/unet-residual", "scratch/unet-residual", (1, 4), ALL, wanted=0.0),
        ),
    ),
    Topic(
        "Beyond the paper: CRISPnet is better than a fixed 3-D table",
        (Claim("monitor/crispnet", "monitor/lut", wanted=-0.30), Claim("real/crispnet", "real/lut")),
    ),
)


@dataclass(frozen=True)
class Finding:
    """A claim, judged by a metric.

    Attributes:
        claim: that is judged.
        metric: by which.
        verdict: holds, reversed, not decided or not measured.
        published: the paper's difference, better minus worse; None where the claim is not the paper's.
        gap: our paired difference, with its interval; None where it is not measured.
        published_relative: of ΔE76, the paper's difference as a part of the worse one's figure.
        relative: of ΔE76, ours as a part of the worse one's mean.
        note: why it is not measured, or that the RMS of ΔE76 has it otherwise than its mean.
    """

    claim: Claim
    metric: str
    verdict: str
    published: float | None
    gap: Interval | None = None
    published_relative: float | None = None
    relative: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Say whether the relative difference that is wanted is reached; None where none is, or nothing is known."""
        if self.claim.wanted is None or self.relative is None:
            return None
        return round(self.relative, 3) <= self.claim.wanted  # as it is shown: -37.96 % is the paper's "-38 %"


def judge(claims: Iterable[Claim], study: Study) -> list[Finding]:
    """Judge claims by each of their metrics."""
    return [_finding(claim, metric, study) for claim in claims for metric in claim.metrics]


def _finding(claim: Claim, metric: str, study: Study) -> Finding:
    better, worse = (_published(key, metric, claim.tables) for key in (claim.better, claim.worse))
    finding = Finding(claim, metric, NOT_MEASURED, None)
    if better is not None and worse is not None:
        part = better / worse - 1 if metric == "delta_e" else None
        finding = replace(finding, published=better - worse, published_relative=part)
    reason = _why_not(claim, study)
    return replace(finding, note=reason) if reason else _measured(finding, study)


def _why_not(claim: Claim, study: Study) -> str:
    """Say why two runs cannot be compared; nothing where they can."""
    missing = [key for key in (claim.better, claim.worse) if key not in study.results]
    if missing:
        return f"no result of {' and '.join(missing)}"
    better, worse = ({row["name"] for row in study.results[key].rows} for key in (claim.better, claim.worse))
    return "" if better == worse else "not of the same captures"


def _measured(finding: Finding, study: Study) -> Finding:
    better, worse = (study.results[key] for key in (finding.claim.better, finding.claim.worse))
    gap = paired(better.rows, worse.rows, finding.metric)
    found = replace(finding, verdict=_verdict(gap, finding.metric), gap=gap)
    if finding.metric != "delta_e":
        return found
    by_rms = _verdict(paired(better.rows, worse.rows, "delta_e_rms"), "delta_e_rms")
    mean = worse.figures["delta_e"].mean
    note = "" if by_rms == found.verdict else f"by RMS {by_rms}"
    return replace(found, relative=gap.mean / mean if mean else None, note=note)


def _verdict(gap: Interval, metric: str) -> str:
    worst, best = (gap.low, gap.high) if metric in HIGHER_IS_BETTER else (-gap.high, -gap.low)
    return HOLDS if worst > 0 else REVERSED if best < 0 else NOT_DECIDED


def _published(key: str, metric: str, tables: Sequence[int]) -> float | None:
    """Find the paper's figure of a run in some of its tables, which differ in one digit."""
    lines = (line for table in TABLES if table.number in tables for line in table.lines)
    entries = (entry for line in lines for entry in line.entries)
    return next((entry.published(metric) for entry in entries if entry.key == key), None)


def as_markdown(study: Study) -> str:
    """Say which of the paper's claims hold: in words by topic, the margins that are aimed at, and each comparison."""
    findings = {topic: judge(topic.claims, study) for topic in TOPICS}
    every = [finding for found in findings.values() for finding in found]
    head = ("better, says the paper, than", "its table", "by", "paper", "here", "")
    return "\n".join([
        f"## Which of the paper's claims hold here, profile {study.profile}\n",
        "Each comparison is of paired differences on the same test captures; it is decided where their 95 % interval",
        "over scenes leaves out 0; where nothing differs, one in twenty is decided all the same. Each network was",
        "trained once: what another seed would change is in no interval. Differences are the first less the second, so",
        "that a claim is for ΔE76 to be negative, and for PSNR and SSIM to be positive.\n",
        *(f"- **{topic.says}.** {in_words(found)}" for topic, found in findings.items()),
        "",
        *_aims(every),
        lay_out(head, [_row(finding) for finding in every]),
    ])  # fmt: skip


def in_words(findings: Sequence[Finding]) -> str:
    """Say in plain words what the findings on a topic come to.

    >>> in_words([Finding(Claim("real/crispnet", "real/awnet"), "psnr", HOLDS, 1.84)])
    'Holds.'
    """
    count = {verdict: sum(finding.verdict == verdict for finding in findings) for verdict in VERDICTS}
    measured = len(findings) - count[NOT_MEASURED]
    if not measured:
        return "Not measured."
    if count[HOLDS] == len(findings):
        return "Holds." if measured == 1 else f"Holds in all {measured} comparisons."
    sentences = [f"Holds in {count[HOLDS] or 'none'} of {measured} comparisons."]
    sentences += [
        f"{verdict.capitalize()}: {_listed(findings, verdict)}." for verdict in VERDICTS[1:] if count[verdict]
    ]
    return " ".join(sentences)


def _listed(findings: Sequence[Finding], verdict: str) -> str:
    by: dict[str, list[str]] = {}
    for finding in findings:
        if finding.verdict == verdict:
            by.setdefault(finding.claim.words, []).append(HEADINGS[finding.metric])
    return "; ".join(f"{words} by {' and '.join(metrics)}" for words, metrics in by.items())


def _aims(findings: Iterable[Finding]) -> Iterator[str]:
    """Say of each margin that is aimed at whether it is reached."""
    aimed = [finding for finding in findings if finding.met is not None]
    if aimed:
        yield "What was aimed for, in ΔE76:\n"
    for finding in aimed:
        paper = "" if finding.published_relative is None else f"; the paper {_percent(finding.published_relative)}"
        verdict = "met" if finding.met else "**not met**"
        yield (
            f"- {finding.claim.words}: {_percent(finding.relative)}, wanted at most "
            f"{_percent(finding.claim.wanted, digits=0)}{paper}: {verdict}"
        )
    if aimed:
        yield ""


def _row(finding: Finding) -> tuple[str, ...]:
    form = f"+.{COLUMNS[finding.metric].digits}f"
    paper = "" if finding.published is None else format(finding.published, form)
    here = "–" if finding.gap is None else show(finding.gap, form)
    verdict = f"{finding.verdict} ({finding.note})" if finding.note else finding.verdict
    return (
        finding.claim.words,
        ", ".join(map(str, finding.claim.tables)),
        HEADINGS[finding.metric],
        _joined(paper, _percent(finding.published_relative)),
        _joined(here, _percent(finding.relative)),
        verdict,
    )


def _joined(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _percent(part: float | None, *, digits: int = 1) -> str:
    return "" if part is None else f"{100 * part:+.{digits}f} %"
