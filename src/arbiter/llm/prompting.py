"""Prompts: versioned files, figures written plainly, and outside texts behind a fence."""

import hashlib
import re
from functools import cache
from importlib.resources import files

import msgspec

from arbiter.ports.advisor import Question

_VERSION = re.compile(r"(?P<name>.+)\.v(?P<version>\d+)\.md")
_DIGITS = 5
_LONGEST_TEXT = 400
_MOST_TEXTS = 20


class Prompt(msgspec.Struct, frozen=True):
    instructions: str
    question: str
    version: str
    """``trend-agent.v1``: of the file it came from."""

    def __str__(self) -> str:
        return f"[{self.version}]\n{self.instructions}\n\n{self.question}"


@cache
def _newest(name: str) -> tuple[str, str]:
    """The newest version of a prompt: its name with the version, and its text."""
    found = []
    for entry in files("arbiter.llm.prompts").iterdir():
        match = _VERSION.fullmatch(entry.name)
        if match is not None and match["name"] == name:
            found.append((int(match["version"]), entry))
    version, entry = max(found, key=lambda each: each[0])
    return f"{name}.v{version}", entry.read_text(encoding="utf-8").strip()


def prompt_for(question: Question) -> Prompt:
    """Write a question down; the same question gives the same text."""
    version, instructions = _newest(question.agent)
    lines = [f"Symbol: {question.symbol}", "Figures:"]
    lines += [f"- {name}: {_shown(value)}" for name, value in question.context.items()]
    lines.append(f"The desk's own rules say: {question.rules_say}")
    if question.untrusted:
        _, warning = _newest("untrusted")
        instructions = f"{instructions}\n\n{warning}"
        lines += ["Texts from outside:", fence(question.untrusted)]
    return Prompt(instructions, "\n".join(lines), version)


def fence(texts: tuple[str, ...]) -> str:
    """Quote texts between marks that none of them can contain."""
    clean = [_clean(text) for text in texts[-_MOST_TEXTS:]]
    mark = hashlib.sha256("\n".join(clean).encode()).hexdigest()[:16]
    body = "\n".join(f"* {text.replace(mark, '')}" for text in clean)
    return f"<<<untrusted {mark}\n{body}\nuntrusted {mark}>>>"


def _clean(text: str) -> str:
    """One line, printable, bounded, without anything that looks like a fence."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return re.sub(r"[<>`]{2,}", " ", line)[:_LONGEST_TEXT].strip()


def _shown(value: object) -> str:
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
