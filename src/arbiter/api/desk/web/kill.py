"""The kill switch: asked twice, then told venue by venue."""

from nicegui import ui

from arbiter.api.desk.web import words
from arbiter.api.desk.web.client import Json
from arbiter.api.desk.web.page import Page

_PATH = "/api/desk/kill-switch"


def kill_button(page: Page, *, engaged: bool) -> None:
    """The button of every page's head, and the dialogs behind it."""
    press = _press_dialog(page)
    release = _release_dialog(page)
    kill = ui.button("Kill switch", on_click=press.open, color=None).props(
        'data-name="kill" unelevated no-caps'
    )
    kill.classes("kill")
    free = ui.button("Release", on_click=release.open, color=None).props(
        'data-name="release" no-caps'
    )
    free.classes("plain")

    def follow(body: Json) -> None:
        latched = body["kill_switch"]["engaged"]
        if (kill.visible, free.visible) != (not latched, latched):
            kill.set_visibility(not latched)
            free.set_visibility(latched)

    follow({"kill_switch": {"engaged": engaged}})
    page.follow("overview", follow)


def _press_dialog(page: Page) -> ui.dialog:
    with ui.dialog() as dialog, ui.card().classes("ask").props('role="alertdialog"'):
        ui.html(
            "<h2>Stop everything?</h2><p>Every working order is cancelled at every venue, "
            "no trade opens until the switch is released, across restarts too.</p>",
            sanitize=False,
        )
        reason = ui.input("Reason").props(
            'data-name="kill-reason" autofocus outlined maxlength=500'
        )
        flatten = ui.checkbox("Also close every open position")
        page.region("proof")
        with ui.element("div").classes("actions"):
            back = (
                ui.button("Back", on_click=dialog.close, color=None)
                .props("flat no-caps")
                .classes("plain")
            )
            confirm = ui.button("Stop everything", color=None).props(
                'data-name="kill-confirm" unelevated no-caps'
            )
            confirm.classes("kill")
            confirm.bind_enabled_from(reason, "value", lambda value: bool((value or "").strip()))

    async def press() -> None:
        asked = {"reason": (reason.value or "").strip(), "flatten": flatten.value}
        report = await page.attempt(page.desk.post(_PATH, asked))
        if report is not None:
            page.show("proof", proof_of(report))
            page.flush()
            confirm.set_visibility(False)
            back.set_text("Close")

    def again() -> None:
        confirm.set_visibility(True)
        back.set_text("Back")
        reason.set_value("")
        page.show("proof", "")
        page.flush()

    confirm.on_click(press)
    _ = dialog.on("hide", again)
    return dialog


def _release_dialog(page: Page) -> ui.dialog:
    with ui.dialog() as dialog, ui.card().classes("ask").props('role="alertdialog"'):
        ui.html("<h2>Release the kill switch?</h2><p>Trading goes on at once.</p>", sanitize=False)
        with ui.element("div").classes("actions"):
            ui.button("Back", on_click=dialog.close, color=None).props(
                "flat no-caps autofocus"
            ).classes("plain")
            go = (
                ui.button("Release", color=None)
                .classes("primary")
                .props('data-name="release-confirm" unelevated no-caps')
            )

    async def release() -> None:
        _ = dialog.close()
        await page.attempt(page.desk.delete(_PATH), "The kill switch is released")

    go.on_click(release)
    return dialog


def proof_of(report: Json) -> str:
    """What each venue proved, as a table."""
    flat = words.pill("proven flat", "good") if report["flat"] else words.pill("not proven", "bad")
    kept = "" if report["durable"] else "<p>The latch holds in memory; the database is away.</p>"
    rows = [
        [
            words.text(proof["venue"]),
            words.pill("flat", "good") if proof["flat"] else words.pill("not proven", "bad"),
            "yes" if proof["reachable"] else "no",
            words.text(", ".join(proof["open_orders"]) or "none"),
            words.text(", ".join(proof["unhedged"]) or "none"),
            words.text(", ".join(proof["positions"]) or "none"),
            words.text(proof["note"]),
        ]
        for proof in report["venues"]
    ]
    heads = ["Venue", "State", "Answered", "Open orders", "Unhedged", "Positions", "Note"]
    return f"<p>{flat}</p>{kept}" + words.table(heads, rows, "No venue.", "Proof of each venue")
