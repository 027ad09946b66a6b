"""What the desk says where there is no page."""

from arbiter.api.desk.web.page import ROOT

_THEME = (
    'const kept = localStorage.getItem("arbiter-theme");'
    'const wanted = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";'
    'document.body.classList.toggle("body--dark", (kept || wanted) === "dark");'
)


def lost_page(static: str) -> str:
    """A whole page of HTML in the desk's look, with a way home."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>No such page · Arbiter</title>"
        f'<link rel="icon" href="{static}/icon.svg">'
        f'<link rel="stylesheet" href="{static}/desk.css"></head><body>'
        f"<script>{_THEME}</script>"
        '<main class="card login"><h1>No such page</h1>'
        "<p>The desk has nothing under this address. What was here may be gone, "
        "or the address is mistyped.</p>"
        f'<p><a href="{ROOT}/">To the overview</a></p></main></body></html>'
    )
