// Sorts what was found by its distance from this phone. The position stays here: the page asks
// for all that was found, as it would without a position, and sorts it itself.
"use strict";
(() => {
  const SHOWN = 20;
  const RADIUS_KM = 6371;
  let here = null;

  const radians = (degrees) => (degrees * Math.PI) / 180;

  function kilometres(at) {
    const [latitude, longitude] = at.split(",").map(Number);
    const dy = Math.sin(radians(latitude - here.latitude) / 2) ** 2;
    const dx = Math.sin(radians(longitude - here.longitude) / 2) ** 2;
    const along = Math.cos(radians(latitude)) * Math.cos(radians(here.latitude));
    return 2 * RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(dy + along * dx)));
  }

  function sort(results) {
    const bar = results.querySelector("[data-nearest-bar]");
    if (!bar) return;
    for (const list of results.querySelectorAll("[data-nearest]")) {
      const kinds = []; // departments that fit better come first, however far they are
      const rows = [...list.children].map((row) => {
        if (!kinds.includes(row.dataset.row)) kinds.push(row.dataset.row);
        const far = row.dataset.at ? kilometres(row.dataset.at) : Infinity;
        const said = row.querySelector("[data-away]");
        if (said && far < Infinity) {
          const shown = far < 10 ? far.toFixed(1) : String(Math.round(far));
          said.textContent = ` · ${bar.dataset.away.replace("{n}", shown)}`;
        }
        return { row, far, kind: kinds.indexOf(row.dataset.row) };
      });
      rows.sort((a, b) => a.kind - b.kind || a.far - b.far);
      list.replaceChildren(...rows.slice(0, SHOWN).map(({ row }) => row));
    }
    results.querySelector(".pages")?.remove();
    bar.querySelector(".nearest__go").hidden = true;
    const how = results.querySelector(".lead__how");
    if (how) how.hidden = true;
  }

  async function sortAll(results) {
    const bar = results.querySelector("[data-nearest-bar]");
    const answer = await fetch(bar.dataset.all, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const all = page.getElementById("results");
    const current = document.getElementById("results");
    if (!all || current !== results) return; // something else was searched meanwhile
    results.replaceWith(all);
    htmx.process(all);
    prepare(all);
    sort(all);
  }

  function prepare(results) {
    const bar = results.querySelector("[data-nearest-bar]");
    if (!bar || !navigator.geolocation || !results.querySelector("[data-at]")) return;
    bar.hidden = false;
    const said = bar.querySelector(".nearest__said");
    bar.querySelector(".nearest__go").addEventListener("click", () => {
      navigator.geolocation.getCurrentPosition(
        ({ coords }) => {
          here = { latitude: coords.latitude, longitude: coords.longitude };
          sortAll(results);
        },
        () => { said.textContent = bar.dataset.denied; },
        { maximumAge: 600_000, timeout: 10_000 },
      );
    });
  }

  const results = document.getElementById("results");
  if (results) prepare(results);
  document.addEventListener("htmx:afterSwap", () => {
    const swapped = document.getElementById("results");
    if (swapped) prepare(swapped);
  });
})();
