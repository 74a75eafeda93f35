"""A front is shown where it offers a choice, not where it is noise."""

from core.report import front_words
from core.report.alternatives import Front, FrontMember


def front(*figures: tuple[float, float]) -> Front:
    members = [FrontMember(experiment=n, figures=pair) for n, pair in enumerate(figures)]
    return Front.of(["total_throughput_per_gpu", "e2e_latency_p90"], members)


def test_a_front_of_equals_tells_nothing() -> None:
    assert not front_words.tells(front((523, 0.244), (522, 0.237), (517, 0.234)), 0.05)
    assert front_words.tells(front((523, 0.244), (400, 0.18)), 0.05)
    assert not front_words.tells(front((523, 0.244)), 0.05)
