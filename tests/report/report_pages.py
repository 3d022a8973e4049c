"""Render the report page of a run, and read its text and sections."""

from __future__ import annotations

import html
import re

from components.report.page import write_page


def page_of(run, folder):
    write_page(folder / "report.html", run)
    return (folder / "report.html").read_text(encoding="utf-8")


def visible_text(page):
    """The text that a reader sees, in order."""
    body = re.sub(r"<style>.*?</style>|<head>.*?</head>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def section(page, name):
    return visible_text(re.search(rf'<section id="{name}">(.*?)</section>', page, re.DOTALL)[1])
