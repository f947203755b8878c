// A booking that is not decided yet is sent again by itself, under the same key: it books once.
"use strict";
const form = document.querySelector("form[data-again]");
if (form) {
  document.getElementById("again").hidden = false;
  // Not everybody at once, when the platform is back.
  const seconds = Number(form.dataset.again) * (1 + Math.random());
  setTimeout(() => form.requestSubmit(), seconds * 1000);
}
