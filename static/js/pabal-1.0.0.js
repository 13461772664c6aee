// Pabal for web pages: docs/web-pages.md
(function (window, document) {
  "use strict";
  const script = document.currentScript;
  if (!script || !script.dataset.key || (window.pabal && window.pabal.version)) return;

  const version = "1.0.0"; // a released one is never changed
  const { key, consent, pages, debug } = script.dataset;
  const address = `${new URL(script.src).origin}/w/${key}/1/put`;
  const prefix = `pabal.${key}.`;
  const idle = 30 * 60 * 1000; // ms without an event that end a session
  const most = 300; // entries that wait
  const size = 20000; // characters: a page that is closed may send 64 KB
  const orphaned = 5000; // ms until another page's entries are sent, too

  // -- storage: the browser's, or memory where it refuses

  const memory = new Map();

  function storage(use, instead) {
    try {
      return use(localStorage);
    } catch (refused) {
      return instead();
    }
  }

  const get = (name) => storage((kept) => kept.getItem(prefix + name), () => null) || memory.get(name) || null;
  const set = (name, text) => storage((kept) => kept.setItem(prefix + name, text), () => memory.set(name, text));
  const drop = (name) => memory.delete(name) || storage((kept) => kept.removeItem(prefix + name), () => 0);

  function names(start) {
    const kept = storage(Object.keys, () => []).map((name) => name.split(prefix)[1] || "");
    return [...memory.keys(), ...kept].filter((name) => name.startsWith(start)).sort();
  }

  const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  function visitor() {
    const number = get("visitor") || random();
    set("visitor", number);
    return number;
  }

  // -- consent: nothing is kept or sent before it where it is demanded

  const isDemanded = consent === "required" || navigator.globalPrivacyControl || navigator.doNotTrack === "1";
  let isAllowed = get("consent") === "1" || (!isDemanded && !get("consent"));
  const held = []; // calls

  function agree(isGiven) {
    if (!isGiven) names("").forEach(drop);
    if (isGiven || !isDemanded) set("consent", isGiven ? "1" : "0");
    isAllowed = !!isGiven;
    if (isAllowed) held.splice(0).forEach((call) => pabal(...call));
  }

  // -- what waits: an entry each, so that tabs don't write over one another's

  const mine = new Set(); // made by this page
  const out = new Set(); // on their way
  let timer = 0;
  let failures = 0;

  function keep(at, id, entry) {
    const name = `e${at.toString(36).padStart(9, "0")}${id}`;
    set(name, JSON.stringify(Object.assign({ visitor: visitor(), id }, entry)));
    mine.add(name);
    names("e").slice(0, -most).forEach(drop);
    later(1000);
  }

  // A body, of one visitor, and the names of its entries.
  function request() {
    const body = { Version: version, Consent: get("consent") === "1", Endpoint: {}, Events: {} };
    const taken = [];
    let length = 0;
    for (const name of names("e")) {
      const text = get(name);
      const isFree = mine.has(name) || Date.now() - parseInt(name.slice(1, 10), 36) > orphaned;
      if (!text || !isFree || out.has(name)) continue;
      const entry = JSON.parse(text);
      if (body.Visitor && body.Visitor !== entry.visitor) continue;
      length += text.length;
      if (taken.length && (length > size || taken.length > 90)) break;
      body.Visitor = entry.visitor;
      taken.push(name);
      if (entry.event) body.Events[entry.id] = entry.event;
      if (entry.identity) body.Identity = entry.identity;
      for (const part in entry.endpoint) body.Endpoint[part] = Object.assign(body.Endpoint[part] || {}, entry.endpoint[part]);
    }
    return [JSON.stringify(body), taken];
  }

  function later(wait) {
    timer = timer || setTimeout(safely, wait, flush);
  }

  function flush(isLast) {
    clearTimeout(timer);
    timer = 0;
    if (!isAllowed || (out.size && !isLast)) return;
    const [body, taken] = request();
    if (!taken.length) return names("e")[0] && later(orphaned);
    // A beacon is not answered: the next page sends it again, and it counts once.
    if (isLast && !("keepalive" in Request.prototype)) return navigator.sendBeacon(address, body);
    taken.forEach((name) => out.add(name));
    fetch(address, { method: "POST", body, keepalive: true, credentials: "omit" })
      .then((answer) => {
        const { status } = answer;
        if (status > 499 || status === 429) throw answer;
        if (status === 403 || status === 404) isAllowed = false; // the key is revoked, or consent is missing
        (isAllowed ? taken : names("e")).forEach(drop);
        return (failures = 0);
      })
      .catch(() => Math.min(3e5, 1e3 * 2 ** failures++) * (0.5 + Math.random() / 2))
      .then((wait) => {
        taken.forEach((name) => out.delete(name));
        clearTimeout(timer);
        timer = 0;
        if (names("e")[0]) later(wait);
      });
  }

  // -- sessions, one for all tabs: on a grid of 5 s, so that tabs that open at once begin the same one

  const iso = (at) => new Date(at).toISOString();
  let watch = 0;

  function session(now) {
    let found = expire(now);
    if (!found) {
      const start = now - (now % 5000);
      found = { id: `${visitor().slice(0, 8)}-${start.toString(36)}`, start };
      const who = {
        Platform: "Web",
        Model: (navigator.userAgentData || navigator).platform,
        Locale: navigator.language.replace("-", "_"),
        Timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      };
      keep(start, found.id, { endpoint: { Demographic: mapped(who, text) } });
      record("_session.start", {}, {}, start, found, "-start");
    }
    found.last = now;
    set("session", JSON.stringify(found));
    clearTimeout(watch);
    watch = setTimeout(safely, idle + 1000, expire);
    return found;
  }

  // The session that goes on; an idle one ended when it was used last.
  function expire(now = Date.now()) {
    const found = JSON.parse(get("session"));
    if (!found || now - found.last <= idle) return found;
    drop("session");
    record("_session.stop", {}, {}, found.last, found, "-stop");
    return null;
  }

  // -- events

  function mapped(given, make) {
    const found = {};
    for (const name in given) {
      const value = make(given[name]);
      if (value || value === 0) found[name.slice(0, 50)] = value;
    }
    return found;
  }

  const text = (value) => (value || value === 0 || value === false) && String(value).slice(0, 200);
  const list = (value) => [].concat(value).map((one) => String(one).slice(0, 100));
  const number = (value) => isFinite(value) && Number(value);

  function record(type, attributes, metrics, at, of, suffix) {
    const Session = { Id: of.id, StartTimestamp: iso(of.start) };
    if (suffix === "-stop") Object.assign(Session, { StopTimestamp: iso(at), Duration: at - of.start });
    const event = { EventType: type, Timestamp: iso(at), Session, Attributes: mapped(attributes, text), Metrics: mapped(metrics, number) };
    keep(at, suffix ? of.id + suffix : random(), { event });
  }

  function event(type, attributes, metrics) {
    const now = Date.now();
    record(type, attributes, metrics, now, session(now));
  }

  function purchase({ product, currency, transaction, store, price, quantity = 1 }) {
    const attributes = { _product_id: product, _currency: currency, _transaction_id: transaction, _store: store };
    event("_monetization.purchase", attributes, { _item_price: price, _quantity: quantity });
  }

  // Sent once a session.
  function identify(userId, { signature, attributes, metrics, userAttributes, email, optIn } = {}) {
    const identity = userId && { UserId: text(userId), Signature: signature, UserAttributes: mapped(userAttributes, list), Email: email, OptIn: optIn };
    const entry = { endpoint: { Attributes: mapped(attributes, list), Metrics: mapped(metrics, number) }, identity };
    const now = Date.now();
    const said = session(now).id + [...JSON.stringify(entry)].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) | 0, 7);
    if (get("said") !== said) keep(now, random(), entry);
    set("said", said);
  }

  function reset() {
    expire(Infinity);
    ["visitor", "said"].forEach(drop);
  }

  // -- pages: at load, and whenever the address changes

  let shown = "";
  const route = () => (/^#[!/]/.test(location.hash) ? location.hash : "");
  const place = () => location.pathname + location.search + route();

  function page(attributes) {
    const referrer = shown ? location.origin + shown : document.referrer;
    const given = { url: location.origin + location.pathname + route(), title: document.title, referrer: referrer.split("?")[0] };
    new URLSearchParams(location.search).forEach((value, name) => /^utm_/.test(name) && (given[name] = value));
    shown = place();
    event("pageView", Object.assign(given, attributes));
  }

  const moved = () => setTimeout(() => place() !== shown && pabal("page"), 0);

  // -- what the page calls

  const verbs = { page, event, identify, purchase, reset, flush, consent: agree };

  function safely(deed) {
    try {
      deed();
    } catch (fault) {
      if (debug) console.warn("pabal", fault);
    }
  }

  function pabal(verb, ...given) {
    safely(() => {
      if (isAllowed || verb === "consent") verbs[verb](...given);
      else if (held.length < 100 && !(verb === "page" && held.some((call) => call[0] === verb))) held.push([verb, ...given]);
    });
  }

  function begin() {
    const early = (window.pabal && window.pabal.q) || [];
    pabal.version = version;
    window.pabal = pabal;
    early.forEach((call) => pabal(...call));
    const leave = () => safely(() => flush(true));
    document.addEventListener("visibilitychange", () => document.hidden && leave());
    window.addEventListener("pagehide", leave);
    window.addEventListener("online", () => safely(flush));
    if (pages === "manual") return;
    for (const name of ["pushState", "replaceState"]) {
      const original = history[name];
      history[name] = function () {
        moved();
        return original.apply(this, arguments);
      };
    }
    for (const name of ["popstate", "hashchange"]) window.addEventListener(name, moved);
    window.addEventListener("pageshow", (back) => back.persisted && pabal("page"));
    pabal("page");
  }

  if (document.prerendering) document.addEventListener("prerenderingchange", () => safely(begin));
  else safely(begin);
})(window, document);
