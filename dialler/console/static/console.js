// The console's script: it keeps a page true without loading it again.
//
// The server says which campaigns have changed (/events); if the page shows one
// of them, its main part is fetched again and laid over what is there, element
// by element, so that focus, scrolling and what was folded open stay. Actions
// and tabs go the same way. Without this script they are plain forms and links.
"use strict";
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const main = () => $("#main");
  const as = { "Ringback-Part": "main" };
  let skew = 0; // ms from this clock to the server's

  // lay makes `old` what `fresh` is, keeping every element that can be kept.
  function lay(old, fresh) {
    for (const { name } of [...old.attributes])
      if (!fresh.hasAttribute(name) && !(name === "open" && old.tagName === "DETAILS")) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const kept = new Map();
    for (const node of old.children) if (node.id) kept.set(node.id, node);
    let at = old.firstChild;
    for (const want of [...fresh.childNodes]) {
      let have = want.id ? kept.get(want.id) : at && !at.id ? at : null;
      if (have && have.nodeName !== want.nodeName) have = null;
      if (!have) { old.insertBefore(want, at); continue; } // what fits nothing is removed in the end
      if (have === at) at = at.nextSibling;
      else old.insertBefore(have, at);
      if (want.nodeType === Node.ELEMENT_NODE) lay(have, want);
      else if (have.data !== want.data) have.data = want.data;
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
  }

  function say(where, text) {
    const box = $(where);
    box.textContent = text;
    clearTimeout(box.timer);
    box.timer = setTimeout(() => { box.textContent = ""; }, 6000);
  }

  // part reads the main part out of an answer.
  async function part(answer) {
    if (answer.status === 401) { location.assign("/sign-in"); return null; }
    const off = Date.parse(answer.headers.get("Date")) - Date.now();
    skew = Math.abs(off) > 2000 ? off : 0;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return $("main", page);
  }

  // show lays a part over the page. Its message, if any, goes where it is read
  // out, and stays there when the part is replaced.
  function show(fresh) {
    const said = $("[data-said]", fresh);
    if (said) { say("#said", said.textContent); said.remove(); }
    document.title = fresh.dataset.title || document.title;
    const focus = document.activeElement, inside = main().contains(focus) && focus !== main();
    const id = focus?.id, around = inside && focus.parentElement.closest("[id]");
    lay(main(), fresh);
    if (inside && !focus.isConnected) { // its action has made way for another
      const next = document.getElementById(id) || $(".actions form button, .actions [data-confirm]", around.isConnected ? around : main());
      (next || main()).focus({ preventScroll: true });
    } else if (inside && document.activeElement !== focus) focus.focus({ preventScroll: true }); // it was moved
    tick();
    reveal();
  }

  // reveal brings what is chosen into view where there is no room for all of it.
  function reveal() {
    for (const one of document.querySelectorAll(".nav [aria-current], [role=tab][aria-selected=true]")) {
      const bar = one.parentElement, room = bar.clientWidth - one.offsetWidth;
      if (bar.scrollWidth > bar.clientWidth) bar.scrollLeft += one.getBoundingClientRect().left - bar.getBoundingClientRect().left - room / 2;
    }
  }

  let busy = false, again = false, asked = 0;
  async function refresh() {
    if ("still" in main().dataset) return; // somebody is entering something
    if (busy) { again = true; return; }
    busy = true;
    const mine = asked, here = () => location.pathname + location.search, url = here();
    try {
      const answer = await fetch(url, { headers: as });
      const fresh = answer.ok || answer.status === 401 ? await part(answer) : null;
      await lifted();
      if (mine !== asked || url !== here()) again = true; // the user has gone elsewhere meanwhile
      else if (fresh) show(fresh);
    } catch { /* away: the stream says so, and refreshes when it is back */ }
    busy = false;
    if (again) { again = false; soon(); }
  }
  let timer;
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 80); };

  // go shows another view of this page, as a tab does, in place.
  async function go(url, push) {
    const mine = ++asked;
    try {
      const answer = await fetch(url, { headers: as });
      const fresh = await part(answer);
      if (!fresh || mine !== asked) return; // or the user has gone on
      if (push) history.pushState({}, "", url);
      show(fresh);
    } catch { location.assign(url); }
  }

  // act asks for what a form's button says. A form that news makes another's, as
  // Pause becomes Resume, can be sent although its first answer is still to come.
  async function act(form) {
    const what = form.action;
    if (form.asked === what) return; // pressed twice
    form.asked = what;
    const done = () => { if (form.asked === what) form.asked = ""; };
    try {
      const answer = await fetch(what, { method: "POST", headers: as, body: new URLSearchParams(new FormData(form)) });
      const fresh = await part(answer);
      if (fresh && answer.ok && "leave" in form.dataset) { location.assign(answer.url); return; }
      const failed = fresh && !answer.ok && ($("[data-failed]", fresh)?.textContent || "That did not work.");
      const wrong = form.closest("dialog") && $("[data-wrong]", form); // a form that stays open until it is right
      if (fresh && answer.ok) {
        say("#said", $("[data-said]", fresh)?.textContent || "Done.");
        if (wrong) form.closest("dialog")?.close();
      } else if (failed && wrong) {
        wrong.hidden = false;
        wrong.textContent = failed;
        $("input:not([type=hidden])", form)?.focus();
      } else if (failed) say("#failed", failed);
      if (!answer.ok) done(); // put right, it can be sent again before the page has been fetched anew
      await refresh();
    } catch { say("#failed", "The server did not answer; nothing may have been done."); }
    done();
  }

  // ask puts a page that asks into a dialog.
  async function ask(opener) {
    const fresh = await part(await fetch(opener.href, { headers: as }));
    const body = fresh && $("[data-confirm-body]", fresh);
    if (!body) { say("#failed", (fresh && $("[data-failed]", fresh)?.textContent) || "That did not work."); soon(); return; }
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-labelledby", "confirm-title");
    dialog.setAttribute("aria-describedby", "confirm-says");
    dialog.append(...body.childNodes);
    document.body.append(dialog);
    dialog.addEventListener("close", () => { dialog.remove(); document.getElementById(opener.id)?.focus(); });
    dialog.showModal();
  }

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.("a");
    if (!link) return;
    if (link.matches("[data-confirm]")) { event.preventDefault(); ask(link).catch(() => location.assign(link.href)); }
    else if (link.matches("dialog [data-cancel]")) { event.preventDefault(); link.closest("dialog").close(); }
    else if (link.matches("[role=tab], .pages a, [data-view]")) { event.preventDefault(); go(link.href, true); }
  });
  // A search shows what it finds in place.
  const find = (form) => {
    const url = new URL(location.pathname, location);
    for (const [name, value] of new FormData(form)) if (value) url.searchParams.set(name, value);
    go(url.href, true);
  };
  document.addEventListener("change", (event) => { if (event.target.matches("[data-find] select")) find(event.target.form); });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-find]")) { event.preventDefault(); find(event.target); return; }
    if (!event.target.matches("[data-act]")) return;
    event.preventDefault();
    if (!event.target.matches("dialog [data-keep]")) event.target.closest("dialog")?.close();
    act(event.target);
  });
  // Tabs by the keyboard (WAI-ARIA Authoring Practices, tabs).
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[role=tab]");
    if (!tab) return;
    const tabs = [...tab.parentElement.children], n = tabs.length, i = tabs.indexOf(tab);
    const to = { ArrowRight: (i + 1) % n, ArrowLeft: (i + n - 1) % n, Home: 0, End: n - 1, " ": i }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    tabs[to].focus();
    go(tabs[to].href, true);
  });
  addEventListener("popstate", () => go(location.href, false));

  // Clocks: how long a call has been there, how far off a time is.
  const span = (s) => {
    const two = (a, u, b, v) => a + " " + u + (b ? " " + b + " " + v : "");
    if (s < 60) return s + " s";
    if (s < 3600) return two(Math.floor(s / 60), "min", s % 60, "s");
    if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor(s / 60) % 60, "min");
    return two(Math.floor(s / 86400), "d", Math.floor(s / 3600) % 24, "h");
  };
  function tick() {
    const now = Date.now() + skew;
    const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
    for (const node of document.querySelectorAll("[data-since]"))
      put(node, span(Math.max(0, Math.floor((now - Date.parse(node.dataset.since)) / 1000))));
    for (const node of document.querySelectorAll("[data-until]")) {
      const left = Math.ceil((Date.parse(node.dataset.until) - now) / 1000);
      put(node, left > 0 ? "in " + span(left) : "due now");
    }
  }

  if (location.search.includes("done=")) { // said once
    const said = $("[data-said]");
    if (said) { say("#said", said.textContent); said.remove(); }
    const url = new URL(location);
    url.searchParams.delete("done");
    history.replaceState({}, "", url);
  }
  if (!("live" in document.body.dataset)) return;

  reveal();
  addEventListener("resize", reveal);
  setInterval(tick, 1000);
  setInterval(() => { if (!document.hidden) refresh(); }, 60000); // sentences about time grow old
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });

  const light = (state, text) => { $("#live").dataset.state = state; $("#live-says").textContent = text; };
  const stream = new EventSource("/events");
  stream.addEventListener("open", () => { light("on", "Live"); soon(); }); // what happened before was not told
  stream.addEventListener("error", () => {
    light("off", "Reconnecting");
    if (stream.readyState === EventSource.CLOSED) refresh(); // refused: signed out, most likely
  });
  stream.addEventListener("refresh", soon);
  stream.addEventListener("change", (event) => {
    const watch = main().dataset.watch;
    if (watch === "all" || JSON.parse(event.data).includes(Number(watch))) soon();
  });
  stream.addEventListener("signed-out", () => { stream.close(); location.assign("/sign-in"); });
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
