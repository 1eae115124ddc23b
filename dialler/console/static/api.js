// The page to try the API: it is made of the description that the API gives of
// itself (/openapi.json, OpenAPI 3.1), so that nothing in it is ever stale.
"use strict";
(async () => {
  const main = document.getElementById("main"), list = document.getElementById("operations");
  if (!list) return;
  let doc;
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error("it answered " + answer.status);
    doc = await answer.json();
  } catch (err) {
    list.textContent = "The API’s description could not be read: " + err.message;
    return;
  }

  // el makes an element: what begins with "on" is listened to, the rest are
  // attributes; children are elements or text.
  function el(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === undefined || value === false) continue;
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== undefined && child !== ""));
    return node;
  }

  // Schemas, which may refer to one another.
  function resolved(schema) {
    let steps = 0;
    while (schema && schema.$ref && steps++ < 8)
      schema = schema.$ref.slice(2).split("/").reduce((at, key) => at && at[decodeURIComponent(key.replaceAll("~1", "/").replaceAll("~0", "~"))], doc);
    return schema || {};
  }
  const typeOf = (schema) => [schema.type].flat().find((type) => type && type !== "null") || (schema.properties ? "object" : "");

  // sample is a value that a schema would take: what must be given, or else what
  // there is an example of.
  function sample(schema, depth = 0) {
    schema = resolved(schema);
    if (schema.examples?.length) return schema.examples[0];
    if (schema.example !== undefined) return schema.example;
    if (schema.default !== undefined) return schema.default;
    if (schema.enum) return schema.enum[0];
    switch (typeOf(schema)) {
      case "object": {
        const out = {}, all = Object.entries(schema.properties || {}).filter(([, of]) => !resolved(of).readOnly && !of.readOnly);
        const must = all.filter(([name]) => schema.required?.includes(name));
        const shown = all.filter(([, of]) => resolved(of).examples || of.examples);
        if (depth < 6) for (const [name, of] of must.length ? must : shown.length ? shown : all) out[name] = sample(of, depth + 1);
        return out;
      }
      case "array": return depth < 6 ? [sample(schema.items, depth + 1)] : [];
      case "integer": case "number": return schema.minimum ?? 1;
      case "boolean": return true;
      case "string": return schema.format === "date-time" ? new Date().toISOString() : "";
    }
    return null;
  }

  const named = (schema) => {
    const of = resolved(schema), type = typeOf(of);
    if (type === "array") return "list of " + named(of.items || {});
    if (of.enum) return "one of " + of.enum.join(", ");
    if (of.format === "date-time") return "time, RFC 3339";
    return { integer: "whole number", boolean: "true or false", string: "text" }[type] || type || "anything";
  };
  // shape describes a schema field by field.
  function shape(schema, depth = 0) {
    schema = resolved(schema);
    if (typeOf(schema) === "array") return shape(schema.items || {}, depth);
    const fields = Object.entries(schema.properties || {});
    if (!fields.length) return el("p", { class: "dim" }, named(schema));
    return el("dl", { class: "schema" }, ...fields.map(([name, of]) => {
      const full = resolved(of), inner = typeOf(full) === "array" ? resolved(full.items) : full;
      const marks = [named(of), schema.required?.includes(name) ? "required" : "", of.readOnly || full.readOnly ? "read only" : ""];
      return el("div", {}, el("dt", {}, el("code", {}, name), " ", el("span", { class: "dim" }, marks.filter(Boolean).join(" · "))),
        el("dd", {}, of.description || full.description || "", inner.properties && depth < 3 ? shape(inner, depth + 1) : ""));
    }));
  }

  const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

  // field is a labelled input for a parameter.
  function field(param, at) {
    const id = "f-" + at + "-" + (param.name === "Idempotency-Key" ? "key" : param.name), schema = resolved(param.schema);
    const help = param.description || schema.description || "";
    const attributes = { id, name: param.name, "aria-describedby": help ? id + "-help" : undefined, autocomplete: "off", spellcheck: "false" };
    const input = schema.enum && !param.required
      ? el("select", attributes, el("option", { value: "" }, ""), ...schema.enum.map((value) => el("option", {}, String(value))))
      : schema.enum ? el("select", attributes, ...schema.enum.map((value) => el("option", {}, String(value))))
        : el("input", { ...attributes, required: param.required, placeholder: schema.default === undefined ? undefined : String(schema.default) });
    return el("div", { class: "field" }, el("label", { for: id }, el("code", {}, param.name), " ", el("span", { class: "dim" }, [param.in, named(schema), param.required ? "required" : ""].filter(Boolean).join(" · "))),
      input, help ? el("p", { class: "help", id: id + "-help" }, help) : "");
  }

  // open fills in an operation when it is first unfolded.
  function open(box, method, path, operation) {
    if (box.dataset.filled) return;
    box.dataset.filled = "yes";
    const at = operation.operationId, params = operation.parameters || [];
    const [kind, media] = Object.entries(operation.requestBody?.content || {})[0] || [];
    const fields = params.map((param) => [param, field(param, at)]);
    let body, latest = 0;
    if (kind) {
      const value = kind === "application/json" ? JSON.stringify(sample(media.schema), null, 2) : "phone_number,name\n+919812345678,Ravi\n";
      body = el("textarea", { id: "f-" + at + "-body", rows: String(Math.min(18, value.split("\n").length + 1)), spellcheck: "false", autocomplete: "off" });
      body.value = value;
    }
    const answer = el("div", { class: "answer", id: at + "-answer" }), status = el("p", { role: "status", class: "said" });
    const form = el("form", { class: "try form", novalidate: true, onsubmit: (event) => { event.preventDefault(); send(); } },
      ...(fields.length ? [el("fieldset", {}, el("legend", {}, "Parameters"), ...fields.map(([, node]) => node))] : []),
      ...(body ? [el("div", { class: "field" }, el("label", { for: body.id }, "Body ", el("span", { class: "dim" }, kind)), body),
        el("details", {}, el("summary", {}, "What the body may hold"), shape(media.schema))] : []),
      el("div", { class: "row" }, el("button", { class: "button main" + (method === "DELETE" ? " danger" : ""), id: "send-" + at }, "Send"), status), answer);
    const codes = Object.entries(operation.responses || {}).filter(([code]) => code !== "default");
    const good = codes.find(([code]) => code.startsWith("2"))?.[1]?.content?.["application/json"]?.schema;
    box.append(form, ...(good ? [el("details", {}, el("summary", {}, "What it answers"), shape(good))] : []),
      el("p", { class: "dim" }, "Answers " + codes.map(([code, of]) => code + " " + (of.description || "")).join(", ") + "."));

    function asked() {
      let url = path;
      const query = new URLSearchParams(), headers = {}, wrong = [];
      for (const [param, node] of fields) {
        const input = node.querySelector("input, select"), value = input.value.trim();
        if (!value) { if (param.required) wrong.push(input); continue; }
        if (param.in === "path") url = url.replace("{" + param.name + "}", encodeURIComponent(value));
        else if (param.in === "query") query.append(param.name, value);
        else headers[param.name] = param.name === "Idempotency-Key" && !value.startsWith('"') ? '"' + value + '"' : value;
      }
      if (body) headers["Content-Type"] = kind;
      return { url: url + (query.size ? "?" + query : ""), headers, wrong, body: body?.value };
    }

    async function send() {
      const request = asked(), mine = ++latest;
      for (const [, node] of fields) node.querySelector("input, select").removeAttribute("aria-invalid");
      if (request.wrong.length) {
        for (const input of request.wrong) input.setAttribute("aria-invalid", "true");
        status.textContent = "Give " + request.wrong.map((input) => input.name).join(" and ") + " first.";
        request.wrong[0].focus();
        return;
      }
      status.textContent = "Sending …";
      const token = document.getElementById("f-token").value.trim(), began = performance.now();
      const headers = { ...request.headers, ...(token ? { Authorization: "Bearer " + token } : { "Ringback-CSRF": main.dataset.csrf }) };
      const line = ["curl -i", method === "GET" ? "" : "-X " + method, quoted(location.origin + request.url), path.startsWith("/v1") ? '-H "Authorization: Bearer $TOKEN"' : "",
        ...Object.entries(request.headers).map(([name, value]) => "-H " + quoted(name + ": " + value)), request.body ? "--data-binary " + quoted(request.body) : ""].filter(Boolean).join(" ");
      let said, heads = "", text = "", good = false;
      try {
        const got = await fetch(request.url, { method, headers, body: request.body, credentials: token ? "omit" : "same-origin" });
        const type = got.headers.get("Content-Type") || "", bytes = await got.arrayBuffer();
        good = got.ok;
        said = got.status + " " + got.statusText + ", " + Math.round(performance.now() - began) + " ms";
        heads = [...got.headers].map(([name, value]) => name + ": " + value).join("\n");
        text = new TextDecoder().decode(bytes.slice(0, 200000));
        if (/json/.test(type)) { try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* longer than is shown */ } }
        else if (type && !/^text|yaml/.test(type)) text = bytes.byteLength + " bytes of " + type;
        if (bytes.byteLength > 200000) text += "\n… " + bytes.byteLength + " bytes in all; take the curl line";
      } catch (err) { said = "No answer: " + err.message; }
      if (mine !== latest) return; // it was sent again meanwhile
      status.textContent = said;
      status.className = "said " + (good ? "good" : "bad");
      const block = (label, of) => el("div", {}, el("h3", {}, label), el("pre", { tabindex: "0", role: "region", "aria-label": label }, of));
      answer.replaceChildren(block("As a command", line), ...(heads ? [block("Headers", heads)] : []), ...(text ? [block("Body", text)] : []));
      answer.dataset.status = said.slice(0, 3);
    }
  }

  const tags = new Map();
  for (const [path, methods] of Object.entries(doc.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] || "others";
      if (!tags.has(tag)) tags.set(tag, []);
      tags.get(tag).push([method.toUpperCase(), path, operation]);
    }
  list.replaceChildren(...[...tags].sort(([a], [b]) => a.localeCompare(b)).map(([tag, operations]) => el("section", { class: "card tag", "aria-labelledby": "tag-" + tag },
    el("h2", { id: "tag-" + tag }, tag), ...operations.map(([method, path, operation]) => {
      const box = el("details", { class: "op", id: operation.operationId, ontoggle: () => { if (box.open) open(box, method, path, operation); } },
        el("summary", {}, el("span", { class: "method method-" + method.toLowerCase() }, method), " ", el("code", {}, path), " ", el("span", { class: "dim" }, operation.summary || "")));
      box.dataset.words = (method + " " + path + " " + operation.summary + " " + operation.operationId).toLowerCase();
      return box;
    }))));

  const filter = document.getElementById("f-find");
  filter.form.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const section of list.children) {
      let some = false;
      for (const box of section.querySelectorAll(".op")) {
        box.hidden = !words.every((word) => box.dataset.words.includes(word));
        some ||= !box.hidden;
      }
      section.hidden = !some;
    }
  });
  const linked = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (linked && linked.matches(".op")) { linked.open = true; linked.scrollIntoView(); }
  main.dataset.ready = "yes";
})();
