"""Where people sign in: a plain form, which password managers know."""

from nicegui import ui

_WHY = {
    "wrong": "The name or the password is wrong.",
    "later": "Too many attempts; try again in a while.",
    "failed": "Signing in did not work just now; try again.",
}


def login_page(static: str, failed: str) -> None:
    ui.add_head_html(
        f'<link rel="stylesheet" href="{static}/desk.css"><script src="{static}/desk.js"></script>'
    )
    why = _WHY.get(failed, "")
    told = f'<p class="loss" role="alert">{why}</p>' if why else ""
    ui.html(
        f'<main class="card login"><h1>Arbiter</h1>{told}<form method="post">'
        '<label>Name<input name="username" autocomplete="username" required autofocus></label>'
        '<label>Password<input name="password" type="password" autocomplete="current-password" '
        "required></label><button>Sign in</button></form></main>",
        sanitize=False,
    )
