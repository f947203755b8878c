// Answers when there is no network: with what the citizen kept on this phone, else with a page that
// says so and sends the same form again. While there is a network nothing comes from here.
// VERSION is put before this file; it changes with everything that the offline page shows.
const OFFLINE = `offline-${VERSION}`;
const KEPT = "kept";
const PAGE = "/offline";

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(OFFLINE);
    const page = await fetch(PAGE, { cache: "no-cache" });
    if (!page.ok) throw new Error(String(page.status));
    const html = await page.clone().text();
    await cache.put(PAGE, page);
    await cache.addAll([...html.matchAll(/href="(\/static\/[^"]+)"/g)].map(([, path]) => path));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name !== OFFLINE && name !== KEPT) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== location.origin || pathname.startsWith("/staff")) return;
  if (request.mode === "navigate") {
    // A form of another site stays the browser's own request.
    if (request.method !== "GET" && !request.referrer.startsWith(`${location.origin}/`)) return;
    event.respondWith(navigated(request));
  } else if (request.method === "GET" && /^\/static\/|\/code\.svg$/.test(pathname)) {
    event.respondWith(fetch(request).catch(async () => (await caches.match(request)) ?? Response.error()));
  }
});

async function navigated(request) {
  const isForm = request.headers.get("content-type")?.startsWith("application/x-www-form-urlencoded");
  const copy = request.method === "POST" && isForm ? request.clone() : null;
  try {
    return await fetch(request);
  } catch {
    return (request.method === "GET" && (await keptPage(request))) || offline(request, copy);
  }
}

async function keptPage(request) {
  const cache = await caches.open(KEPT);
  const found = await cache.match(new URL(request.url).pathname);
  if (!found) return null;
  if (found.headers.get("x-kept-until") < new Date().toISOString().slice(0, 10)) {
    // The visit is over: its page goes, and the picture of its code.
    const { pathname } = new URL(request.url);
    for (const kept of await cache.keys()) {
      const path = new URL(kept.url).pathname;
      if (path === pathname || path.startsWith(`${pathname}/`)) await cache.delete(kept, { ignoreVary: true });
    }
    return null;
  }
  return found;
}

async function offline(request, copy) {
  const page = await (await caches.open(OFFLINE)).match(PAGE);
  if (!page) return Response.error();
  let html = await page.text();
  if (copy) {
    // The same form with the same key: sent again, it books once.
    const fields = [...(await copy.formData())].map(([name, value]) =>
      `<input type="hidden" name="${escaped(name)}" value="${escaped(String(value))}">`);
    html = html.replace("<form>", () => `<form method="post" action="${escaped(new URL(request.url).pathname)}">${fields.join("")}`);
  }
  const paths = (await (await caches.open(KEPT)).keys()).map(({ url }) => new URL(url).pathname);
  const kept = paths.filter((path) => /^\/bookings\/\d+$/.test(path));
  const links = kept.map((path) => `<a class="quiet" href="${path}">我的号 · <span lang="en">My visit</span></a>`);
  html = html.replace("<nav></nav>", () => `<nav>${links.join("")}</nav>`);
  return new Response(html, { status: 503, headers: page.headers });
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
