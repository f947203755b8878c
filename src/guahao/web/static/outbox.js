// New messages come by themselves; nothing moves while there are none.
"use strict";
const EVERY_MILLISECONDS = 5000;

async function renew() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const shown = document.getElementById("messages");
  const fresh = page.getElementById("messages");
  if (fresh && fresh.innerHTML !== shown.innerHTML) shown.replaceChildren(...fresh.childNodes);
}

// A server that is away for a while is asked again.
setInterval(() => renew().catch(() => {}), EVERY_MILLISECONDS);
