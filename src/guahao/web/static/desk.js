// The desk's keyboard. An element with data-key is pressed by that key and shows it. The rows
// (data-row) of the first list (data-rows) that has any are numbered: a digit presses a row, or
// selects it (data-row="select") for the keys inside it. "/" goes to the search, "?" lists the
// keys. In a field, what types a character acts with Alt only; function keys type nothing.
// Without scripts every element still works by itself.
"use strict";
(() => {
  const NINE = 9;
  const typing = (target) => target instanceof HTMLElement
    && target.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=button], [type=submit])");
  const seen = (element) => element.getClientRects().length > 0;
  const keyed = () => [...document.querySelectorAll("[data-key]")];
  const hint = (element, key) => {
    let kbd = [...element.children].find((child) => child.matches("kbd"));
    if (!kbd) {
      kbd = document.createElement("kbd");
      kbd.className = "key";
      kbd.setAttribute("aria-hidden", "true");
      element.append(" ", kbd);
    }
    kbd.textContent = key;
    if (element.matches("a, button, input, label")) element.setAttribute("aria-keyshortcuts", key);
  };
  const dialog = () => document.querySelector("dialog.keys");

  // Rows ------------------------------------------------------------------------------------
  let begin = 0; // of the rows that have the digits; 0 goes on to the next nine
  const rows = () => {
    const listed = (list) => [...list.querySelectorAll("[data-row]")].filter((row) => seen(row) && !row.disabled);
    // The work before the caller beside it.
    const lists = [...document.querySelectorAll("[data-rows]")].sort((a, b) => !!a.closest("aside") - !!b.closest("aside"));
    return lists.map(listed).find((found) => found.length) ?? [];
  };
  const numbered = () => rows().slice(begin, begin + NINE);
  const number = () => {
    for (const kbd of document.querySelectorAll("[data-row] > kbd.key--row")) kbd.remove();
    if (begin >= rows().length) begin = 0;
    numbered().forEach((row, index) => {
      const kbd = document.createElement("kbd");
      kbd.className = "key key--row";
      kbd.textContent = index + 1;
      kbd.setAttribute("aria-hidden", "true");
      row.prepend(kbd, " ");
    });
  };
  const press = (row) => {
    if (row.dataset.row !== "select") { row.querySelector("input")?.focus(); row.click(); return; }
    for (const other of document.querySelectorAll("[data-selected]")) {
      delete other.dataset.selected;
      other.removeAttribute("aria-current");
    }
    row.dataset.selected = "yes";
    row.setAttribute("aria-current", "true");
    row.querySelector("a, button")?.focus();
  };
  // What only a script can do is not offered without: it comes hidden.
  const reveal = () => {
    for (const button of document.querySelectorAll("[data-print][hidden], [data-keys-open][hidden]")) {
      button.hidden = false;
      if (button.autofocus) button.focus();
    }
  };
  const hintAll = () => { reveal(); for (const element of keyed()) hint(element, element.dataset.key); number(); };

  // The list of keys ------------------------------------------------------------------------
  const words = (element) => {
    const copy = element.cloneNode(true);
    for (const kbd of copy.querySelectorAll("kbd")) kbd.remove();
    return copy.textContent.trim();
  };
  const showKeys = () => {
    const list = document.querySelector("[data-keys-list]");
    if (!list) return;
    const found = new Map(keyed().filter(seen).map((element) => [element.dataset.key, words(element)]));
    const lines = [...found].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
    if (rows().length) lines.unshift(["1–9", list.dataset.rowWords]);
    if (rows().length > NINE) lines.push(["0", list.dataset.moreWords]);
    if (document.querySelector("[data-search]")) lines.unshift(["/", list.dataset.searchWords]);
    lines.push(["?", list.dataset.helpWords], ["Esc", list.dataset.closeWords]);
    list.replaceChildren(...lines.flatMap(([key, text]) => {
      const dt = document.createElement("dt");
      const kbd = document.createElement("kbd");
      kbd.className = "key";
      kbd.textContent = key;
      dt.append(kbd);
      const dd = document.createElement("dd");
      dd.textContent = text;
      return [dt, dd];
    }));
    dialog().showModal();
  };

  // Keys ------------------------------------------------------------------------------------
  const along = (event) => {
    // From the search to the results and along them.
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const targets = rows().filter((row) => row.matches("a, button"));
    const at = targets.indexOf(document.activeElement);
    const fromSearch = event.target.matches?.("[data-search]") && step === 1;
    if (!step || event.altKey || !(at >= 0 || fromSearch)) return false;
    const search = document.querySelector("[data-search]");
    (at === 0 && step === -1 ? search : targets[at + step])?.focus();
    return true;
  };
  const digit = (event) => {
    // By the key itself: with Alt some keyboards write another sign than the digit.
    const pressed = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1] ?? (/^[0-9]$/.test(event.key) ? event.key : undefined);
    if (pressed === undefined || event.shiftKey || (typing(event.target) && !event.altKey)) return false;
    if (pressed === "0") {
      if (rows().length <= NINE) return false;
      begin += NINE;
      number();
      numbered()[0]?.scrollIntoView({ block: "nearest" });
      return true;
    }
    const row = numbered()[pressed - 1];
    if (row) press(row);
    return Boolean(row);
  };
  document.addEventListener("keydown", (event) => {
    // A scanner ends with Enter: on to the next field, not yet to the desk.
    const next = event.key === "Enter" && event.target.dataset?.enterNext;
    if (next) { event.preventDefault(); document.getElementById(next).focus(); return; }
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    if (dialog()?.open) return;
    const plain = !typing(event.target) && !event.altKey;
    if (event.key === "/" && plain) {
      const search = document.querySelector("[data-search]");
      if (search) { event.preventDefault(); search.focus(); search.select?.(); }
      return;
    }
    if (event.key === "?" && plain) { event.preventDefault(); showKeys(); return; }
    if (along(event) || digit(event)) { event.preventDefault(); return; }
    const name = event.altKey ? `Alt+${event.code.replace(/^(Digit|Numpad|Key)/, "")}` : event.key;
    const usable = keyed().filter((element) => element.dataset.key === name && !element.disabled && seen(element));
    const wanted = usable.find((element) => element.closest("[data-selected]")) ?? usable[0];
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
    document.querySelector("input[autofocus]")?.select?.();
    // What a telephone system sent is looked up by itself.
    document.querySelector("form[data-sends-itself]")?.requestSubmit();
  });
  document.addEventListener("htmx:afterSettle", () => { begin = 0; hintAll(); });
})();
