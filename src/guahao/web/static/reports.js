// Another hospital has other departments: choosing it empties the field that it names.
"use strict";
document.addEventListener("change", ({ target }) => {
  const other = document.getElementById(target.dataset?.empties ?? "");
  if (other) other.value = "";
});
