"""Which screens there are, with their numbers and places. A new screen is one line here. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ScreenEntry:
    """One screen."""

    name: str
    """What `Autotuner.go` and the keys call it."""
    where: str
    """Module and class; loaded when it is first shown."""
    title: str = ""
    number: int | None = None
    """The key that jumps to it; None: it is reached from another screen only."""
    short: str = ""
    """Title where there is little room; empty: the title."""


REGISTRY: tuple[ScreenEntry, ...] = (
    ScreenEntry("tasks", "tui.screens.tasks:TasksView", "Tasks", 1),
    ScreenEntry("task", "tui.screens.task:TaskView", "Task", 2),
    ScreenEntry("experiment", "tui.screens.experiment:ExperimentView", "Experiment", 3, "Exper."),
    ScreenEntry("chart", "tui.screens.chart:ChartView", "Chart", 4),
    ScreenEntry("compare", "tui.screens.compare:CompareView", "Compare", 5),
    ScreenEntry("gpus", "tui.screens.gpus:GpusView", "GPUs", 6),
    ScreenEntry("processes", "tui.screens.processes:ProcessesView", "Processes", 7, "Proc."),
    ScreenEntry("report", "tui.screens.report:ReportView", "Report", 8),
    ScreenEntry("settings", "tui.screens.settings:SettingsView", "Settings", 9, "Set."),
    ScreenEntry("form", "tui.screens.form:FormView", "New task"),
    ScreenEntry("log", "tui.screens.log:LogView", "Log"),
)

SCREENS = {entry.name: entry for entry in REGISTRY}

NUMBERED = tuple(entry for entry in REGISTRY if entry.number is not None)
"""Those that the bottom line names, in their order."""
