// Counts down to the patient's own moment; then books under the same key. The person has tapped
// "Book" already, and a reaction time would be the advantage of programs.
"use strict";
const form = document.querySelector("form[data-opens-in]");
if (form) {
  const button = form.querySelector("button");
  const left = document.getElementById("left");
  const figures = left.querySelector(".figures");
  const auto = document.getElementById("auto");
  const byItself = auto.querySelector("input");
  // The page says how long to wait, so that no clock of the phone has to be right. A phone that
  // sleeps may stop the first of its two clocks: the one that went further counts.
  const wait = Number(form.dataset.opensIn);
  const [loading] = performance.getEntriesByType("navigation");
  const began = loading ? loading.responseStart : performance.now();
  const dated = Date.now() - (performance.now() - began);
  const remaining = () => wait - Math.max(performance.now() - began, Date.now() - dated);

  // On a slow line the moment may pass before this script is here; it books at once. Somebody who
  // comes back to the page much later may not want it any more.
  const LATE = 15000;
  let sent = wait <= 0;

  const show = () => {
    const rest = remaining();
    if (rest <= 0) {
      if (!sent && byItself.checked && rest > -LATE) {
        sent = true;
        form.requestSubmit();
        return;
      }
      auto.hidden = true;
      left.hidden = true;
      button.disabled = false;
      // Said once; a countdown that is read aloud every second drowns everything else.
      const open = document.getElementById("open");
      open.textContent = open.dataset.say;
      open.classList.remove("unseen");
      return;
    }
    figures.textContent = String(Math.ceil(rest / 1000));
    setTimeout(show, rest % 1000 || 1000);
  };
  if (remaining() > 0) {
    button.disabled = true;
    left.hidden = false;
    auto.hidden = false;
  }
  show();
  document.addEventListener("visibilitychange", () => { if (button.disabled) show(); });
}
