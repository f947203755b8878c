// While an input method composes, the field holds letters that nobody means to search for:
// nothing is asked until the characters are chosen.
"use strict";
for (const form of document.querySelectorAll("form[role=search]")) {
  let composing = false;
  form.addEventListener("compositionstart", () => {
    composing = true;
    form.dispatchEvent(new Event("htmx:abort"));
  });
  form.addEventListener("compositionend", () => {
    composing = false;
    form.dispatchEvent(new Event("composed"));
  });
  // Captured, because htmx listens at the field itself.
  form.addEventListener("input", (event) => {
    if (composing) event.stopPropagation();
  }, true);
  // A search that waited for a pause in typing when the composition began.
  form.addEventListener("htmx:beforeRequest", (event) => {
    if (composing) event.preventDefault();
  });
}
