// A part that is renewed by itself stays as it is where nothing has changed: focus, selection,
// and what is being read aloud.
"use strict";
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, serverResponse } = event.detail;
  const page = new DOMParser().parseFromString(serverResponse, "text/html");
  const renewed = page.getElementById(target.id);
  if (renewed && renewed.innerHTML === target.innerHTML) event.detail.shouldSwap = false;
});
