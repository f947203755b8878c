// What every page does where scripts run: a form is sent once, however often it is tapped; who
// waits sees so after 300 ms; and without a network what was typed stays where it is.
"use strict";
(() => {
  const SOON_MS = 300;
  const LATE_MS = 30_000; // a link that led to a download, or nowhere
  let soon = 0;
  const part = (name) => document.getElementById(name);

  function settle() {
    clearTimeout(soon);
    part("waiting")?.setAttribute("hidden", "");
  }
  function wait() {
    settle();
    soon = setTimeout(() => {
      part("waiting")?.removeAttribute("hidden");
      soon = setTimeout(settle, LATE_MS);
    }, SOON_MS);
  }
  function say(online) {
    const notice = part("offline");
    if (notice) notice.hidden = online;
    if (!online) { settle(); notice?.scrollIntoView({ block: "nearest" }); }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented) return;
    if (!navigator.onLine) {
      event.preventDefault(); // the form keeps its key and what was typed
      say(false);
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    wait();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const plain = !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
    if (!link || !plain || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname === location.pathname && link.hash) return;
    wait();
  });
  // Shown again by the back button, a form may be sent again.
  window.addEventListener("pageshow", () => {
    settle();
    for (const form of document.forms) delete form.dataset.sent;
  });
  window.addEventListener("pagehide", settle);
  window.addEventListener("offline", () => say(false));
  window.addEventListener("online", () => say(true));
  document.addEventListener("htmx:sendError", () => say(false));
  document.addEventListener("htmx:afterOnLoad", () => say(true));

  if (location.pathname.startsWith("/staff")) return;
  // Nobody is logged in here any more: nothing of anybody stays on the phone.
  if (document.querySelector("form[data-proof]") && "caches" in window) caches.delete("kept");
  if ("serviceWorker" in navigator) {
    window.addEventListener("load", () => navigator.serviceWorker.register("/sw.js").catch(() => {}));
  }
})();
