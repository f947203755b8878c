// A long list of departments is searched by typing a name, pinyin or initials. Without scripts the
// list is a plain select.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  for (const select of document.querySelectorAll("select[data-picker]")) {
    const options = [...select.options];
    if (options.length < 8) continue;
    const box = document.createElement("input");
    box.type = "search";
    box.className = "picker";
    box.autocomplete = "off";
    box.placeholder = select.dataset.picker;
    box.setAttribute("aria-label", select.dataset.picker);
    const matches = (option, typed) =>
      !option.value || option.text.toLowerCase().includes(typed) ||
      (option.dataset.keys ?? "").split(" ").some((key) => key.startsWith(typed));
    box.addEventListener("input", () => {
      const typed = box.value.trim().toLowerCase().replaceAll(" ", "");
      const found = options.filter((option) => !typed || matches(option, typed));
      if (!found.some((option) => option.value || !typed)) return;
      const chosen = select.value;
      select.replaceChildren(...found);
      const named = found.find((option) => option.value);
      select.value = typed && named ? named.value : chosen;
    });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "ArrowDown") return;
      event.preventDefault();
      select.focus();
    });
    select.before(box);
  }
});
