"""The key panel: go live with a key of one's own, see what it costs, and come back to practice mode."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from .. import session
from ..errors import BadInput, WorkbookError
from ..session.budget import BUDGET, checked_budget
from ..session.environment import Secret
from ..session.live import is_forbidden
from ..session.live.access import NO_KEY, NoKey, checked_address
from .base import Box, Line, button, row
from .front import Beside, PasswordField

LOOK = 1.0  # seconds between two looks at the session: other cells and boxes spend money, and change the mode
ADDRESS, AMOUNT = "address", "budget"  # the fields' names
MODES = {"practice": "practice mode", "live": "live mode", None: "not connected yet"}
ABOUT = (
    "You need not go live: every lesson works in practice mode, free and without a key.\n"
    "In live mode calls cost money: a short question mostly less than a cent. When the budget is used up, nothing more "
    "is sent; what is in flight then may go a little over it. Your key stays in the memory of this kernel, and is not "
    "saved with the notebook."
)
FORBIDDEN = "Live mode is switched off here (WORKBOOK_MODE=practice), as in a class. You need no key here."


class KeyPanel(Box):
    """See `key_panel`."""

    def __init__(self) -> None:
        super().__init__()
        self._mode = Line(name="mode")
        self._account = Line(name="account")
        self._back = button("Back to practice", self.on_loop(self._practise), name="back")
        self._about = Line(name="about")
        self._about.say(ABOUT)
        self._key_there = Line(name="key-there")
        self._form = PasswordField(
            self.on_loop(self._start),
            label="Your API key (Enter goes live)",
            button="Go live",
            beside=[
                Beside(ADDRESS, "Address, only for another service than OpenAI", wide=True),
                Beside(AMOUNT, "Budget (USD)", f"{session.budget_now():g}"),
            ],
        )
        self.show(
            self._mode,
            self._account,
            row(self._back),
            self._about,
            self._key_there,
            self._form,
            self.status,
            name="key-panel",
            label="Key panel",
        )
        self._timer: asyncio.Handle | None = None
        self._look_for_a_key()
        self._look()

    def __repr__(self) -> str:
        return (
            "Key panel: go live with a key of your own, and come back. The key is not shown, and not saved.\n"
            f"Now: {MODES[session.mode()]}. By code: connect(live=True) goes live, connect() comes back.\n"
            "(It works where this cell is run in JupyterLab.)"
        )

    def close(self) -> None:
        super().close()
        if self._timer is not None:
            self._timer.cancel()

    # ---- how things stand ----------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._safely(self._bring_up_to_date)
        if self._loop is not None:
            self._timer = self._loop.call_later(LOOK, self._look)

    def _bring_up_to_date(self) -> None:
        """What has not changed does not travel."""
        mode, live = session.in_words(), session.mode() == "live"
        if mode != self._mode.text:
            if self._mode.text and not self.busy:  # a cell did that
                self.status.say("")
                self._look_for_a_key()
            self._mode.say(mode)
            (self._mode.add_class if live else self._mode.remove_class)("workbook-live")
        _say(self._account, session.account().removeprefix(mode).strip())
        self._form.put(AMOUNT, f"{session.budget_now():g}")
        self._form.disabled = is_forbidden()
        self._back.disabled = session.mode() == "practice" or (is_forbidden() and not live)

    def _look_for_a_key(self) -> None:
        _say(self._key_there, _key_in_words())

    # ---- going live, and back ------------------------------------------------------------------------------------

    def _start(self, key: Secret, beside: Mapping[str, str]) -> None:
        if not self.busy:
            self._form.waiting = True
            self.begin(lambda: self._go_live(key, beside))

    async def _go_live(self, key: Secret, beside: Mapping[str, str]) -> None:
        try:
            said = await self._gone_live(_typed(key), _address(beside[ADDRESS]), _amount(beside[AMOUNT]))
        finally:
            self._form.waiting = False
            self._look_for_a_key()
            self._bring_up_to_date()
        self.status.say(said)

    async def _gone_live(self, key: str, address: str | None, budget: float | None) -> str:
        try:
            access = session.find_access(address, None, budget, typed=key)
        except NoKey as missing:
            raise WorkbookError(
                f"No key was found for {urlsplit(missing.url).hostname}.", "Type yours into the field, then try again."
            ) from missing
        self.status.say(f"Checking {access.origin} at {access.shown} … (this costs nothing)")
        listed = await asyncio.to_thread(session.check(access))
        said = session.go_live(access, listed, budget)
        now = session.live_now()
        return said.replace(f"{now.budget} ", "") if now else said  # it would stay there while money is spent

    def _practise(self, *_: object) -> None:
        self.stop()  # who comes back while a key is being checked does not want it any more
        session.practise()
        self._look_for_a_key()
        self._bring_up_to_date()
        self.status.say("Back in practice mode: nothing is charged.")


def _say(line: Line, text: str) -> None:
    if line.text != text:
        line.say(text)


def _key_in_words() -> str:
    """Whether there is a key, and never any part of it."""
    if now := session.live_now():
        return f"In use: {now.access.origin}, at {now.access.shown}. To change key, address or budget, go live again."
    if is_forbidden():
        return FORBIDDEN
    try:
        access = session.find_access()
    except NoKey as missing:
        host = urlsplit(missing.url).hostname
        return f"No key for {host} was found, neither in the environment nor in a file named .env: type yours here."
    except WorkbookError as error:
        return str(error)
    if access.key == NO_KEY:
        return f"{access.shown} is a service on this computer: it is asked without a key, if you type none."
    return f"There is a key for {access.shown} already: {access.origin}. It is used if you type none."


# What was typed is not repeated: it may be a key, in the wrong field.


def _typed(key: Secret) -> str:
    if "://" in key:
        raise BadInput("That is an address, not a key.", "Write it into the field for the address.")
    return Secret(key.strip())


def _address(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        return checked_address(text)
    except BadInput:
        raise BadInput(
            "What stands in the address field is not an address, so nothing was changed.",
            "One begins with http:// or https://, as http://localhost:11434/v1 does. For OpenAI leave it empty. "
            "(If it is your key, take it out, and type it into the field above.)",
        ) from None


def _amount(text: str) -> float | None:
    """USD; None where the field is empty."""
    plain = text.strip().removeprefix("$").removesuffix("USD").strip().replace(",", ".")
    if not plain:
        return None
    try:
        return checked_budget(float(plain))
    except (ValueError, BadInput):
        raise BadInput(
            "What stands in the budget field is not an amount of US dollars, so nothing was changed.",
            f"Write one above 0, such as {BUDGET}.",
        ) from None


def key_panel() -> KeyPanel:
    """A box to go live with a key of one's own, within a budget, and to come back to practice mode.

    It says which mode it is, what was used so far, and whether a key was found. A key can be typed there: it is not
    shown, it stays in the memory of this kernel, and it is used in place of one that was found. One free request
    checks it. Where it fails, the box says why, and the mode stays what it was.

    >>> key_panel()
    Key panel: go live with a key of your own, and come back. The key is not shown, and not saved.
    Now: practice mode. By code: connect(live=True) goes live, connect() comes back.
    (It works where this cell is run in JupyterLab.)
    """
    return KeyPanel()
