// Forms that say at once what is wrong with a field.
//
// When a field is left or changed, the form goes to its own address with the
// header Ringback-Check, and what is wrong so far comes back by field: the
// server's words, as the API has them. Only fields that somebody has been to
// are marked; a form that is sent is judged as a whole. Where the server keeps
// what is entered, as in the wizard, this is also what saves it.
"use strict";
(() => {
  const been = new WeakMap(); // of a form: names of the fields somebody has been to
  const turn = new WeakMap(); // of a form: {busy, again, typed}
  const stateOf = (form) => turn.get(form) || turn.set(form, {}).get(form);
  const head = { "Ringback-Check": "1", "Ringback-Part": "main" };

  // said puts what is wrong beneath the fields somebody has been to, and takes
  // away what is no longer. Hours that overlap are a matter of the week
  // (window.hours), not of a day (window.hours.mon).
  const said = (form, wrong, seen) => {
    for (const box of form.querySelectorAll("[data-wrong]")) {
      const name = box.dataset.wrong;
      const touched = seen.has(name) || [...seen].some((s) => s.startsWith(name + ".") || name.startsWith(s + "."));
      const text = wrong[name] || "";
      if (!touched && !box.textContent) continue;
      if (box.textContent !== text) box.textContent = text;
      for (const field of form.elements) {
        if (field.name !== name || field.type === "hidden") continue;
        if (text) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
      }
    }
  };

  const entered = (form) => {
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
    return body;
  };

  async function check(form) {
    const state = stateOf(form);
    if (state.busy) { state.again = true; return; }
    state.busy = true;
    state.typed = false;
    form.dataset.checking = ""; // until the server has all that is entered
    try {
      const answer = await fetch(form.action, { method: "POST", headers: head, body: entered(form) });
      if (answer.status === 401) { location.assign("/sign-in"); return; }
      if (answer.ok) {
        const { wrong, notes } = await answer.json();
        await lifted();
        said(form, wrong, been.get(form) || new Set());
        for (const box of form.querySelectorAll("[data-note]")) {
          const text = notes?.[box.dataset.note] || "";
          if (box.textContent !== text) box.textContent = text;
        }
      }
    } catch { /* away: the form will be judged when it is sent */ }
    state.busy = false;
    if (state.again) { state.again = false; check(form); return; }
    delete form.dataset.checking;
  }

  const beenTo = (event) => {
    const field = event.target, form = field.form;
    if (!form?.matches("[data-form]") || !field.name || field.tagName === "BUTTON") return;
    const seen = been.get(form) || new Set();
    been.set(form, seen);
    if (event.type === "focusout" && seen.has(field.name)) return; // change has told of it
    seen.add(field.name);
    check(form);
  };
  addEventListener("change", beenTo);
  addEventListener("focusout", beenTo);

  // Whoever goes away in the middle of a field of a form that is kept loses
  // nothing: it is sent while the page goes, and, as the next page may be asked
  // for before that has come, laid aside for it.
  const aside = (form) => "entered " + new URL(form.action).pathname;
  addEventListener("input", (event) => {
    const form = event.target.form;
    if (form?.matches("[data-kept]")) stateOf(form).typed = true;
  });
  addEventListener("submit", (event) => { stateOf(event.target).sent = true; });
  addEventListener("beforeunload", () => {
    for (const form of document.querySelectorAll("form[data-kept]")) {
      const state = stateOf(form), body = entered(form);
      if (state.sent || !state.typed && !state.busy) continue;
      fetch(form.action, { method: "POST", headers: head, body, keepalive: true }).catch(() => {});
      body.delete("csrf");
      sessionStorage.setItem(aside(form), JSON.stringify([Date.now(), [...body]]));
    }
  });
  for (const form of document.querySelectorAll("form[data-kept]")) {
    const [when, pairs] = JSON.parse(sessionStorage.getItem(aside(form)) || "[0, []]");
    sessionStorage.removeItem(aside(form));
    if (Date.now() - when > 10_000) continue; // by now the server has it, and maybe something newer
    const had = new Map(pairs);
    for (const field of form.elements) {
      if (field.type === "checkbox" || field.type === "radio") field.checked = pairs.some(([name, value]) => name === field.name && value === field.value);
      else if (field.type !== "hidden" && had.has(field.name)) field.value = had.get(field.name);
    }
    check(form);
  }

  // A list takes a while; once is enough.
  addEventListener("submit", (event) => {
    if (!event.target.matches("[data-upload]")) return;
    const button = event.target.querySelector("button");
    if (event.target.busy) { event.preventDefault(); return; }
    event.target.busy = true;
    button.textContent = "Adding contacts…";
    button.setAttribute("aria-busy", "true");
  });

  // A form that came back wrong: to the first field that is.
  document.querySelector("[data-form] [aria-invalid=true]")?.focus();
})();
