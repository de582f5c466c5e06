"""What the paper claims, judged on results whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from crispnet.evaluate.claims import (
    HOLDS,
    NOT_DECIDED,
    NOT_MEASURED,
    REVERSED,
    TOPICS,
    Claim,
    as_markdown,
    in_words,
    judge,
)
from crispnet.evaluate.intervals import Interval
from crispnet.evaluate.tables import COLUMNS, CONTROL_KEYS, KEYS, Result, Study

CLAIMS = [claim for topic in TOPICS for claim in topic.claims]
BOTH = Claim("monitor/crispnet", "monitor/awnet", (2,), wanted=-0.41)


def result(shift=0.0, *, seed=0, count=40, rms=None):
    """A run whose pictures are worse by ``shift`` in ΔE76, and its PSNR by as many dB, give or take."""
    spread = np.random.default_rng(99).normal(10, 2, count)
    own = shift + np.random.default_rng(seed).normal(0, 0.2, count)
    of_rms = own if rms is None else rms + own - shift
    rows = [
        {"name": f"{n}", "scene": f"{n}", "delta_e": spread[n] + own[n], "delta_e_rms": spread[n] + of_rms[n]}
        | {"psnr": 38 - spread[n] - own[n], "ssim": 1 - (spread[n] + own[n]) / 100}
        for n in range(count)
    ]
    figures = {metric: Interval(float(np.mean([row[metric] for row in rows])), 0.0, 0.0) for metric in COLUMNS}
    return Result(figures, rows, {})


def study(**shifts):
    """A study of monitor runs by their names, with _ for -, and how much worse than usual each is."""
    results = {
        f"monitor/{name.replace('_', '-')}": shift if isinstance(shift, Result) else result(shift, seed=place)
        for place, (name, shift) in enumerate(shifts.items())
    }
    return Study("laptop", results, [], {}, [])


def verdicts(claim, of):
    return {finding.metric: finding.verdict for finding in judge([claim], of)}


# The data


def test_every_claim_is_of_runs_of_the_study_and_true_in_the_paper():
    assert {key for claim in CLAIMS for key in (claim.better, claim.worse)} <= {*KEYS, *CONTROL_KEYS}
    assert len({(claim.better, claim.worse) for claim in CLAIMS}) == len(CLAIMS) == 26
    findings = judge([claim for claim in CLAIMS if claim.tables], study())
    assert len(findings) == 54
    for finding in findings:
        assert finding.published is not None
        assert (finding.published < 0) == (finding.metric == "delta_e"), finding


def test_every_run_of_the_paper_is_in_some_claim():
    assert set(KEYS) <= {key for claim in CLAIMS for key in (claim.better, claim.worse)}


@pytest.mark.parametrize(
    ("better", "worse", "margin"),
    [
        ("monitor/crispnet", "monitor/awnet", -0.41),
        ("monitor/crispnet", "monitor/unet-residual", -0.38),
        ("real/crispnet", "real/awnet", -0.18),
    ],
)
def test_the_margins_aimed_at_are_the_paper_s_rounded(better, worse, margin):
    (claim,) = [claim for claim in CLAIMS if (claim.better, claim.worse) == (better, worse)]
    delta_e, psnr, *_ = judge([claim], study())
    assert claim.wanted == margin
    assert delta_e.published_relative == pytest.approx(margin, abs=0.005)
    assert psnr.published_relative is None


# The judging


@pytest.mark.parametrize(("shift", "verdict"), [(-1.0, HOLDS), (1.0, REVERSED), (0.0, NOT_DECIDED)])
def test_the_better_one_is_found_by_every_metric(shift, verdict):
    claim = replace(BOTH, metrics=("delta_e", "psnr", "ssim"))
    assert set(verdicts(claim, study(crispnet=shift, awnet=0.0)).values()) == {verdict}


def test_claims_the_other_way_round_have_the_opposite_verdict():
    there = judge([BOTH], study(crispnet=-1.0, awnet=0.0))
    back = judge([replace(BOTH, better=BOTH.worse, worse=BOTH.better)], study(crispnet=-1.0, awnet=0.0))
    assert [finding.verdict for finding in there] == [HOLDS, HOLDS]
    assert [finding.verdict for finding in back] == [REVERSED, REVERSED]
    for one, other in zip(there, back, strict=True):
        assert one.gap.mean == pytest.approx(-other.gap.mean)
        assert one.published == pytest.approx(-other.published)


def test_differences_are_paired():
    """A tenth of the spread of the pictures is found."""
    of = study(crispnet=-0.2, awnet=0.0)
    finding = judge([BOTH], of)[0]
    assert finding.verdict == HOLDS
    assert -0.4 < finding.gap.low < finding.gap.mean < finding.gap.high < 0
    assert finding.relative == pytest.approx(finding.gap.mean / of.results["monitor/awnet"].figures["delta_e"].mean)


def test_margins_are_met_or_not():
    of = study(crispnet=-1.0, awnet=0.0)
    for wanted, met in ((-0.05, True), (-0.41, False), (0.0, True), (None, None)):
        delta_e, psnr = judge([replace(BOTH, wanted=wanted)], of)
        assert delta_e.met is met
        assert psnr.met is None
    assert judge([BOTH], study())[0].met is None


def test_the_paper_itself_meets_every_margin():
    aimed = [finding for finding in judge(CLAIMS, study()) if finding.claim.wanted is not None and finding.published]
    met = [
        replace(finding, relative=finding.published_relative).met for finding in aimed if finding.metric == "delta_e"
    ]
    assert met == [True] * 9


def test_what_is_missing_or_of_other_captures_is_not_measured():
    for of, note in (
        (study(crispnet=0.0), "no result of monitor/awnet"),
        (study(), "no result of monitor/crispnet and monitor/awnet"),
        (study(crispnet=0.0, awnet=result(count=39)), "not of the same captures"),
    ):
        for finding in judge([BOTH], of):
            assert (finding.verdict, finding.note, finding.gap) == (NOT_MEASURED, note, None)


def test_where_the_rms_has_it_otherwise_it_is_said():
    of = study(crispnet=result(-1.0, seed=1, rms=1.0), awnet=0.0)
    assert [finding.note for finding in judge([BOTH], of)] == ["by RMS reversed", ""]
    assert [finding.note for finding in judge([BOTH], study(crispnet=-1.0, awnet=0.0))] == ["", ""]


def test_a_perfect_rendition_divides_nothing():
    perfect = study(crispnet=0.0, awnet=0.0)
    rows = [row | {"delta_e": 0.0} for row in perfect.results["monitor/awnet"].rows]
    flawless = replace(
        perfect.results["monitor/awnet"], rows=rows,
        figures=perfect.results["monitor/awnet"].figures | {"delta_e": Interval(0.0, 0.0, 0.0)},
    )  # fmt: skip
    finding = judge([BOTH], replace(perfect, results=perfect.results | {"monitor/awnet": flawless}))[0]
    assert (finding.verdict, finding.relative, finding.met) == (REVERSED, None, None)


# The words


def test_words_follow_from_the_verdicts():
    for shift, words in ((-1.0, "Holds in all 2 comparisons."), (None, "Not measured.")):
        of = study(awnet=0.0) if shift is None else study(crispnet=shift, awnet=0.0)
        assert in_words(judge([BOTH], of)) == words
    found = in_words(judge([BOTH], study(crispnet=1.0, awnet=0.0)))
    assert found == ("Holds in none of 2 comparisons. Reversed: CRISPnet against AWNet (monitor) by ΔE76 and PSNR.")
    mixed = [*judge([BOTH], study(crispnet=-1.0, awnet=0.0)), *judge([BOTH], study())]
    assert in_words(mixed) == (
        "Holds in 2 of 2 comparisons. Not measured: CRISPnet against AWNet (monitor) by ΔE76 and PSNR."
    )


def test_an_empty_study_says_so_and_shows_the_paper_s_differences():
    text = as_markdown(study())
    assert text.count("Not measured.") == len(TOPICS) == 6
    assert "| CRISPnet against AWNet (monitor) | 2 | ΔE76 | -4.48, -41.3 % | – | not measured" in text
    assert "What was aimed for" not in text
    assert text.count("\n| ") == 1 + 1 + sum(len(claim.metrics) for claim in CLAIMS)


def test_a_page_has_words_margins_and_comparisons():
    text = as_markdown(study(crispnet=-1.0, awnet=0.0))
    finding = judge([BOTH], study(crispnet=-1.0, awnet=0.0))[0]
    relative = f"{100 * finding.relative:+.1f} %"
    assert (
        f"- CRISPnet against AWNet (monitor): {relative}, wanted at most -41 %; the paper -41.3 %: **not met**" in text
    )
    gap = finding.gap
    assert f"| {gap.mean:+.2f} ({gap.low:+.2f} to {gap.high:+.2f}), {relative} | holds |" in text
    assert "CRISPnet (real, fine-tuned) against CRISPnet (real, from scratch)" in text


def test_a_study_where_all_is_as_in_the_paper_holds_throughout():
    from crispnet.evaluate.tables import TABLES

    published = {entry.key: entry.delta_e for table in TABLES for line in table.lines for entry in line.entries}
    results = {key: result(20 * delta_e, seed=7) for key, delta_e in published.items()}  # seed: no noise between them
    assert len(results) == 21
    findings = judge([claim for claim in CLAIMS if claim.tables], Study("paper", results, [], {}, []))
    assert {finding.verdict for finding in findings} == {HOLDS}
