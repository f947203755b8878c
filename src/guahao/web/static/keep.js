// Keeps a booking's page on this phone for when there is no network: only when asked, because
// others may use the phone. The page for logging in (guahao.js) and logging out delete it.
"use strict";
(() => {
  const part = document.querySelector("[data-keep-until]");
  if (!part || !("caches" in window) || !("serviceWorker" in navigator)) return;
  const [keep, drop] = part.querySelectorAll("button");
  const path = location.pathname;

  async function show() {
    const kept = await (await caches.open("kept")).match(path);
    keep.hidden = Boolean(kept);
    drop.hidden = !kept;
    part.hidden = false;
  }

  keep.addEventListener("click", async () => {
    const page = await fetch(path);
    if (!page.ok || page.redirected) return;
    const headers = new Headers(page.headers);
    headers.set("x-kept-until", part.dataset.keepUntil);
    headers.delete("content-encoding");
    const words = document.createElement("p");
    words.className = "outage";
    words.textContent = part.dataset.words;
    const html = (await page.text()).replace(/<main[^>]*>/, (start) => start + words.outerHTML);
    const cache = await caches.open("kept");
    const beside = [...document.querySelectorAll('link[rel="stylesheet"], main img')].map((one) => one.href ?? one.src);
    await cache.addAll(beside.filter((url) => url.startsWith(location.origin)));
    await cache.put(path, new Response(html, { headers }));
    await show();
    drop.focus();
  });
  drop.addEventListener("click", async () => {
    const cache = await caches.open("kept");
    for (const request of await cache.keys()) {
      // The picture of the code as well.
      const { pathname } = new URL(request.url);
      if (pathname === path || pathname.startsWith(`${path}/`)) await cache.delete(request, { ignoreVary: true });
    }
    await show();
    keep.focus();
  });
  show();
})();
