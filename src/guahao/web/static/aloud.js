// Reads the page aloud where the browser can speak, when asked and not before.
"use strict";
(() => {
  const button = document.querySelector("[data-aloud]");
  if (!button || !("speechSynthesis" in window)) return;
  const words = button.firstChild.data;
  const show = (text) => { button.firstChild.data = text; };
  button.hidden = false;
  button.addEventListener("click", () => {
    if (speechSynthesis.speaking) { speechSynthesis.cancel(); show(words); return; }
    const copy = document.getElementById("main").cloneNode(true);
    for (const part of copy.querySelectorAll("[hidden], [data-aloud], form.words, details:not([open]) > :not(summary), .demo, .fact, script")) part.remove();
    const sentences = [...copy.querySelectorAll("h1, p, a, dt, dd, button")].map((part) => part.textContent.replace(/\s+/g, " ").trim());
    const said = new SpeechSynthesisUtterance(sentences.filter(Boolean).join(button.dataset.aloud === "en" ? ". " : "。"));
    said.lang = button.dataset.aloud;
    said.rate = 0.85;
    said.onend = said.onerror = () => show(words);
    show(button.dataset.stop);
    speechSynthesis.speak(said);
  });
  window.addEventListener("pagehide", () => speechSynthesis.cancel());
})();
