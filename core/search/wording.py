"""Why a configuration is proposed, in words."""

from core.search.aim import Aim
from core.task import STATISTICS, objective_metric


def promising(aim: Aim, value: float, odds: float) -> str:
    """Return what the model expects: `most promising: expected 6,900 tok/s/GPU, 83 % sure …`."""
    expected = f"most promising: expected {objective_text(aim, value)}"
    if not any(target.hard_fail for target in aim.slo.targets().values()):
        return expected
    return f"{expected}, {percent(odds)} sure to hold the SLOs"


def worth_a_try(odds: float) -> str:
    """Return why this one, while nothing holds the SLOs."""
    return f"likeliest to hold the SLOs: {percent(odds)} sure"


def percent(share: float) -> str:
    """Return a probability: `83 %`, `under 1 %`, `over 99 %`."""
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"{share:.0%}".replace("%", " %")


def objective_text(aim: Aim, value: float) -> str:
    """Return an objective's value with its unit."""
    match aim.objective:
        case "maximize_throughput":
            return f"{value:,.0f} tok/s/GPU"
        case "maximize_goodput":
            return f"{value:.3g} requests/s/GPU that hold the SLOs"
        case "maximize_load_under_slo":
            return f"a load of {value:.3g} per GPU"
    metric = objective_metric(aim.objective)
    if metric.rpartition("_")[2] not in STATISTICS:
        return f"{metric} {value:.4g}"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.1f} ms"
