"""The last 24 hours as bars: one look tells busy from silent."""

from datetime import timedelta
from typing import Final

import flet as ft
import flet_charts as fc

from mailgate.app.components.base import dim, heading, panel
from mailgate.app.material import style
from mailgate.app.session import Ui
from mailgate.app.theme import Space

HOURS: Final = 24
_STEPS: Final = (1, 2, 5)


def nice_step(most: int) -> int:
    """Return a step of 1, 2 or 5 times a power of ten that reaches `most` in at most four steps."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power * 4 >= most:
                return step * power
        power *= 10


def chart_panel(ui: Ui, hours: tuple[int, ...], height: int | None) -> ft.Control:
    """Return the chart of messages per hour; `hours` has 24 values, oldest first, the last ending now."""
    step = nice_step(max(hours))
    top = step * max(1, -(-max(hours) // step))
    times = [ui.clock(timedelta(hours=i - HOURS)) for i in range(HOURS + 1)]
    groups = [
        fc.BarChartGroup(
            x=i,
            rods=[
                fc.BarChartRod(
                    from_y=0,
                    to_y=count,
                    width=6 if ui.compact else 14,
                    border_radius=2,
                    color=ui.p.inbound,
                    tooltip=fc.BarChartRodTooltip(
                        text=f"{ui.t('chart.span', a=times[i], b=times[i + 1])}\n{ui.t('chart.bar', n=count)}",
                        text_style=style(12.5, color=ui.p.panel),
                    ),
                )
            ],
        )
        for i, count in enumerate(hours)
    ]
    bars = fc.BarChart(
        groups=groups,
        min_y=0,
        max_y=top,
        height=172,
        group_alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
        horizontal_grid_lines=fc.ChartGridLines(interval=step, color=ui.p.line, width=1),
        left_axis=fc.ChartAxis(
            labels=[fc.ChartAxisLabel(value=v, label=dim(ui, ui.number(v), 12)) for v in range(0, top + 1, step)],
            label_size=34,
            label_spacing=step,
        ),
        bottom_axis=fc.ChartAxis(
            labels=[fc.ChartAxisLabel(value=i, label=dim(ui, times[i], 12)) for i in range(0, HOURS, 6)], label_size=24
        ),
        right_axis=fc.ChartAxis(show_labels=False, label_size=0),
        top_axis=fc.ChartAxis(show_labels=False, label_size=0),
        tooltip=fc.BarChartTooltip(bgcolor=ui.p.ink, fit_inside_horizontally=True, fit_inside_vertically=True),
    )
    total = ui.t("chart.total", n=sum(hours))
    named = ft.Semantics(label=total, image=True, exclude_semantics=True, container=True, content=bars)
    return panel(ui, ft.Column([heading(ui, ui.t("chart.title"), 15), named], spacing=Space.L), height=height)
