// The desk's keyboard: elements with data-key are pressed by it and show it, "/" goes to the
// search, "?" lists the keys. Without scripts every element still works by itself.
"use strict";
(() => {
  const typing = (target) => target instanceof HTMLElement && target.matches("input, textarea, select");
  const keyed = () => [...document.querySelectorAll("[data-key]")];
  const hint = (element) => {
    if (element.querySelector("kbd")) return;
    const kbd = document.createElement("kbd");
    kbd.textContent = element.dataset.key;
    kbd.setAttribute("aria-hidden", "true");
    element.append(" ", kbd);
    element.setAttribute("aria-keyshortcuts", element.dataset.key);
  };
  const hintAll = () => keyed().forEach(hint);
  const dialog = () => document.querySelector("dialog.keys");

  const showKeys = () => {
    const list = document.querySelector("[data-keys-list]");
    if (!list) return;
    const rows = keyed().map((element) => [element.dataset.key, element.textContent.replace(element.dataset.key, "").trim()]);
    if (document.querySelector("[data-search]")) rows.unshift(["/", list.dataset.searchWords]);
    rows.push(["?", list.dataset.helpWords], ["Esc", list.dataset.closeWords]);
    list.replaceChildren(...rows.flatMap(([key, words]) => {
      const dt = document.createElement("dt");
      const kbd = document.createElement("kbd");
      kbd.textContent = key;
      dt.append(kbd);
      const dd = document.createElement("dd");
      dd.textContent = words;
      return [dt, dd];
    }));
    dialog().showModal();
  };

  document.addEventListener("keydown", (event) => {
    // A scanner ends with Enter: on to the next field, not yet to the desk.
    const next = event.key === "Enter" && event.target.dataset?.enterNext;
    if (next) { event.preventDefault(); document.getElementById(next).focus(); return; }
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    const plain = !typing(event.target) && !event.altKey;
    if (event.key === "/" && plain) {
      const search = document.querySelector("[data-search]");
      if (search) { event.preventDefault(); search.focus(); search.select?.(); }
      return;
    }
    if (event.key === "?" && plain) { event.preventDefault(); showKeys(); return; }
    // By the key itself: with Alt some keyboards write another sign than the digit.
    const name = event.altKey ? `Alt+${event.code.replace(/^(Digit|Numpad|Key)/, "")}` : event.key;
    const wanted = keyed().find((element) => element.dataset.key === name && !element.disabled);
    if (!wanted) return;
    event.preventDefault();
    if (wanted.matches("input, textarea, select")) wanted.focus();
    else wanted.click();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-keys-open]")) showKeys();
    if (event.target.closest?.("[data-print]")) window.print();
    // A dialog stands in the page, opened by a button that names it; without scripts its
    // contents are a page of their own.
    const opener = event.target.closest?.("[data-opens]");
    const opened = opener && document.getElementById(opener.dataset.opens);
    if (opened) { event.preventDefault(); opened.showModal(); opened.querySelector("textarea, input:not([type=hidden])")?.focus(); }
    if (event.target.closest?.("[data-closes]")) event.target.closest("dialog").close();
  });
  document.addEventListener("DOMContentLoaded", () => {
    hintAll();
    // What was typed before stands there to be corrected, or typed over.
    document.querySelector("input[autofocus]")?.select();
  });
  document.addEventListener("htmx:afterSettle", hintAll);
})();
