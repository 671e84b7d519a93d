"""`sekisho lint`: what is wrong with the text of a record, without asking any name server."""

import json
from typing import Any

import typer

from analysis.records.findings import Finding
from analysis.records.lint import Linted
from analysis.records.lint import lint as lint_record
from sekisho import shell

app = typer.Typer(rich_markup_mode=None)


@app.command()
def lint(text: str, json_: shell.Json = False) -> None:
    """Say what is wrong with an SPF, DMARC or DKIM record, and how it should read.

    Example: sekisho lint 'v=spf1 +ipv4:203.0.113.5 -all'
    """
    linted = lint_record(text)
    if json_:
        typer.echo(json.dumps(_fields(linted), ensure_ascii=False, indent=2))
        return
    typer.echo(f"{linted.kind}: {'valid' if linted.valid else 'not valid'}")
    for finding in linted.findings:
        typer.echo(finding_line(finding))
    typer.echo(linted.corrected or "no corrected record: what to write cannot be known from the text")


def finding_line(finding: Finding) -> str:
    """A finding in both languages, for a terminal."""
    place = "" if finding.at is None else f" at {finding.at[0] + 1}-{finding.at[1]}"
    return f"{finding.severity} {finding.id}{place}: {finding.sentence('en')}\n  {finding.sentence('ja')}"


def _fields(linted: Linted) -> dict[str, Any]:
    return {
        "kind": linted.kind,
        "valid": linted.valid,
        "findings": [finding_fields(each) for each in linted.findings],
        "corrected": linted.corrected,
    }


def finding_fields(finding: Finding) -> dict[str, Any]:
    """A finding for JSON; `at` is its place (start, end) in the text, or None."""
    return {
        "id": finding.id,
        "severity": finding.severity,
        "en": finding.sentence("en"),
        "ja": finding.sentence("ja"),
        "at": finding.at,
    }
