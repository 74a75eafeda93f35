"""The report as one HTML file: no network, light and dark, for a desk, a pocket and a printer."""

from core.report.html.page import html_page

__all__ = ["html_page"]
