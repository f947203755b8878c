// The board of a waiting hall: speaks new calls after a tap, and says when it lost its connection.
"use strict";
(() => {
  const STALE_MS = 30_000;
  const button = document.querySelector("[data-speak]");
  const known = new Set();
  let speaks = false;
  let renewed = Date.now();

  const newCalls = () => [...document.querySelectorAll("[data-call]")].filter((call) => !known.has(call.dataset.call));
  const speak = (text) => {
    const spoken = new SpeechSynthesisUtterance(text);
    spoken.lang = document.documentElement.lang;
    speechSynthesis.speak(spoken);
  };
  const hear = () => {
    for (const call of newCalls().reverse()) {
      known.add(call.dataset.call);
      if (speaks) speak(call.dataset.say);
    }
  };

  hear();
  if (button && "speechSynthesis" in window) {
    button.hidden = false;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      speaks = !speaks;
      button.setAttribute("aria-pressed", String(speaks));
      button.textContent = speaks ? button.dataset.on : button.dataset.off;
      if (speaks) speak(button.dataset.off);
      else speechSynthesis.cancel();
    });
  }
  document.addEventListener("htmx:afterSettle", hear);
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) renewed = Date.now();
  });
  setInterval(() => {
    document.getElementById("stale").hidden = Date.now() - renewed < STALE_MS;
  }, 1000);
})();
