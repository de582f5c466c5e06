"""Sections of docs/results.md about speed: one network, large frames, many raws, many machines."""

from statistics import fmean

from tables import table
from verdicts import Result, aim_row, whether


def render_rate(result: Result) -> str:
    """Say how near rendering comes to the machine's own rate of matrix products."""
    rates = [
        (f"rendering {result['raw']}", f"{result['rate'] / 1e12:.2f}", f"{result['seconds']['median']:.2f}"),
        (f"a product of {result['products']['side']}² matrices", f"{result['products']['rate'] / 1e12:.2f}", ""),
    ]
    return "\n".join([
        "## Rendering, beside the machine's own matrix products\n",
        f"\"{result['look']}\": the multiplications and additions of its convolutions, rims of windows included, over",
        "the time within the calls that render, all else in them included. Beside it, in turn, the fastest bfloat16",
        "product that torch makes on this machine.\n",
        table(["aim", "wanted", "measured", ""], [aim_row("share of that rate", result["of_the_products"])]),
        table(["", "10¹² operations a second", "seconds"], rates),
    ])  # fmt: skip


def exactness(result: Result) -> str:
    """Say what parts, 16 bits and bfloat16 cost in colour."""
    rows = [(each["raw"], *(f"{value:.4f}" for value in each["delta_e_76"].values())) for each in result["photographs"]]
    precisions = list(result["photographs"][0]["delta_e_76"])
    return "\n".join([
        "## Rendering in parts, beside the network as it is\n",
        f"Mean ΔE76 of what `crispnet develop` renders with \"{result['look']}\" to the network of the look file in",
        "float32, neither cut into parts nor rewritten.\n",
        table(["aim", "wanted", "measured", ""], [aim_row("largest mean ΔE76", result["largest"])]),
        table(["raw", *(f"in {precision}" for precision in precisions)], rows),
    ])  # fmt: skip


def int8(result: Result) -> str:
    """Say what rendering in 8-bit whole numbers would gain and cost."""
    rows = [
        (
            f"{each['raw']}, {name}",
            f"{made['delta_e_76']:.4f}",
            *(f"{seconds:.3f}" for seconds in made["seconds"].values()),
            f"{sum(made['seconds'].values()):.3f}",
        )
        for each in result["photographs"]
        for name, made in each["made"].items()
    ]
    return "\n".join([
        "## Rendering in 8-bit whole numbers\n",
        f"The parts of \"{result['look']}\" that render, quantised by NNCF with {result['calibrated_on']} raws: mean",
        f"ΔE76 to float32, of which {result['aim']} at most were allowed, and seconds within each part. Not used.\n",
        table(["raw", "mean ΔE76", *result["photographs"][0]["made"]["float32"]["seconds"], "all"], rows),
    ])  # fmt: skip


def large(result: Result) -> str:
    """Say what frames of many megapixels cost."""
    frames = result["frames"]
    rows = [
        (
            f"{frame['megapixels']:.0f}",
            f"{frame['wall_seconds']:.1f}",
            f"{frame['per_megapixel']:.3f}",
            f"{frame['ratio']:.2f}",
            f"{frame['peak_memory_mb']:.0f}",
        )
        for frame in frames
    ]
    return "\n".join([
        "## Large frames\n",
        f"{result['raw']} and its mirror images, laid side by side and developed by the command, as a whole process,",
        f"with `--max-memory {result['max_memory']}`.\n",
        table(["aim", "wanted", "measured", ""], [aim_row(aim["what"], aim) for aim in result["aims"]]),
        table(["megapixels", "seconds", "seconds a megapixel", "over the smallest's", "peak memory, MB"], rows),
    ])  # fmt: skip


def folder(result: Result) -> str:
    """Say what a folder of raws costs, and what became of a run that was killed."""
    whole, network, killed = result["folder"], result["network"], result["killed"]
    once = killed["every_photograph_once_and_undamaged"] and not killed["made_twice"] and not killed["failed"]
    aims = [
        aim_row("throughput, over what the network alone allows", result["of_the_networks"]),
        *(aim_row(aim["what"], aim) for aim in result["aims"]),
        ("killed half-way and run again: every photograph once, none damaged", *whether(fulfilled=once)),
    ]
    costs = [
        ("the folder, for each photograph", f"{whole['seconds_each']:.3f}", f"{whole['peak_memory_mb']:.0f}"),
        ("the network alone", f"{network['seconds']:.3f}", ""),
        *(
            (name, f"{cost['wall_seconds']:.3f}", f"{cost['peak_memory_mb']:.0f}")
            for name, cost in result["peers"].items()
        ),
    ]
    return "\n".join([
        "## A folder of raws\n",
        f"{result['count']} copies of {result['raw']}, developed with \"{result['look']}\" by one command, from its",
        "start to its end. The network alone: the time within the look's calls, in a process that does nothing else,",
        "before and after the folder. Other programs develop one raw at a time. When a run was killed,",
        f"{killed['whole_when_killed']} photographs were whole and {killed['damaged_when_killed']} damaged; the next",
        f"one made {killed['made_twice']} of those again.\n",
        table(["aim", "wanted", "measured", ""], aims),
        table(["", "seconds", "peak memory of the largest process, MB"], costs),
        f"At this pace a million such photographs take {_days(whole['seconds_each']):.0f} days of one such machine.",
    ])  # fmt: skip


def cluster(result: Result) -> str:
    """Say what a second node brings, and what the loss of one costs."""
    loss = result["loss"]
    survived = loss["every_photograph_once_and_undamaged"] and not loss["exit_code"]
    aims = [
        aim_row("two nodes, times as fast as one", result["two_over_one"]),
        ("every run made the same files", *whether(fulfilled=result["every_run_made_the_same"])),
        ("one of two nodes killed half-way: every photograph once, none damaged", *whether(fulfilled=survived)),
    ]
    seconds = [(name, *(f"{each:.1f}" for each in runs)) for name, runs in result["seconds"].items()]
    seconds.append(("two nodes, one of them lost", f"{loss['seconds']:.1f}", *[""] * (len(seconds[0]) - 2)))
    runs = [f"run {number}, s" for number in range(1, len(seconds[0]))]
    one, two = (
        cores * fmean(result["seconds"][name]) / result["count"] for cores, name in enumerate(result["seconds"], 1)
    )
    return "\n".join([
        "## A cluster\n",
        f"{result['count']} copies of {result['raw']}, developed with \"{result['look']}\" by Ray nodes, each held to",
        f"one core, on one machine of {result['cores']} cores, which the program that asks and Ray's own processes use",
        "as well.\n",
        table(["aim", "wanted", "measured", ""], aims),
        table(["", *runs], seconds),
        f"A photograph costs {one:.2f} seconds of a core with one node and {two:.2f} with two, so a million cost",
        f"{_days(one):.0f} to {_days(two):.0f} days of one such core, and a cluster of n cores an n-th of that for as",
        "long as the program that asks keeps up: it reads every raw and writes every picture.\n",
    ])  # fmt: skip


def _days(seconds: float) -> float:
    """Give the days that a million photographs take, at so many seconds each."""
    return 1e6 * seconds / 86400
