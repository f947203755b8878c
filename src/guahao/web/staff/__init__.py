"""What the staff's pages share: logging in, the member of the request, navigation.

To add a page for the staff:

1.  A function in a module of its folder (web/call_centre, web/window, web/scheduling,
    web/administration), given
    a `StaffPage`: `page.staff` is who is logged in, with both factors; `page.form` a POST's
    fields, proven to come from a form of ours. It ends with `page.render("staff/….html", …)` or
    `page.redirect("/staff/…")`; `page.flash("…")` says a sentence on the next page.
2.  Its `StaffRoute(method, path, function, roles)` in the list of the module, and the module's
    list in the folder's `routes`. Without both factors a member is redirected to the login;
    another role is refused before the function is called.
3.  A template in web/templates/staff that extends staff/base.html: blocks `title` and `main`,
    `{% set tab = "…" %}` for the entry that is lit. An element with `data-key="F2"` is pressed by
    that key and shows it; `/` goes to the element with `data-search`; `?` lists the keys.
4.  Where it is reached from the navigation: an entry in navigation.py.

A form that changes something changes it once, however often it is sent: every form has a key in
`page.csrf_field`, which the route checks (sending.py). A search has `sending=Sending.FREELY`, a
form that stays on the screen for several persons in turn `Sending.ONCE_EACH`.

A destructive act asks first (confirming.py):

    reason = confirmed(page, Act(page.say("停用{login}？", login=…), [page.say("…")], …))
    if not isinstance(reason, str):
        return reason
"""

from __future__ import annotations

from guahao.web.staff.confirming import Act, confirmed
from guahao.web.staff.page import StaffPage, StaffRoute, StaffServices
from guahao.web.staff.sending import Sending

__all__ = ["Act", "Sending", "StaffPage", "StaffRoute", "StaffServices", "confirmed"]
