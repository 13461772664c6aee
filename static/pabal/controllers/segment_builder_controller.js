import { Controller } from "../../vendor/stimulus/stimulus.js";

const NUMBERS = { eq: "EQUAL", gt: "GREATER_THAN", lt: "LESS_THAN", gte: "GREATER_THAN_OR_EQUAL", lte: "LESS_THAN_OR_EQUAL" };
const DATES = { before: "BEFORE", after: "AFTER", on: "ON", between: "BETWEEN" };
const DEMOGRAPHIC = ["Channel", "Platform"];
const OWN_DEMOGRAPHIC = ["Timezone", "Locale"];

function element(tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

function option(value, text) {
  return element("option", { value }, text);
}

// The instant (ISO, UTC) at which the clock of a zone shows a wall time "2026-03-01T00:00".
function instantOf(wall, zone) {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
  });
  const shown = (instant) => {
    const part = Object.fromEntries(format.formatToParts(instant).map((piece) => [piece.type, piece.value]));
    return Date.parse(`${part.year}-${part.month}-${part.day}T${part.hour}:${part.minute}:00Z`);
  };
  const target = Date.parse(`${wall}:00Z`);
  let guess = target;
  for (let round = 0; round < 3; round += 1) guess += target - shown(guess);
  return new Date(guess).toISOString().replace(".000Z", "Z");
}

function wallOf(instant, zone) {
  const moment = new Date(instant);
  if (Number.isNaN(moment.getTime())) return "";
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  return format.format(moment).replace(" ", "T");
}

export default class extends Controller {
  static targets = ["document", "sources", "type", "filters", "count"];
  static values = { state: Object, countUrl: String, valuesUrl: String, zone: String };

  connect() {
    this.words = this.stateValue.words;
    const group = JSON.parse(this.documentTarget.value || "{}").SegmentGroups?.Groups?.[0] ?? {};
    const chosen = (group.SourceSegments ?? []).map((source) => source.Id);
    for (const source of this.stateValue.sources) {
      const made = option(source.id, source.name);
      made.selected = chosen.includes(source.id);
      this.sourcesTarget.append(made);
    }
    this.sourcesSelect = new window.TomSelect(this.sourcesTarget, { plugins: ["remove_button"], maxOptions: 500, onChange: () => this.changed() });
    this.typeTarget.value = group.Type === "ANY" ? "ANY" : "ALL";
    for (const dimension of group.Dimensions ?? []) {
      const filter = this.read(dimension);
      if (filter) this.addFilter(filter);
    }
    this.changed();
  }

  disconnect() {
    clearTimeout(this.timer);
    this.asked?.abort();
  }

  add() {
    const row = this.addFilter(null);
    row.querySelector("select").focus();
  }

  // A dimension of the document as {kind, name, operator, values}.
  read(dimension) {
    for (const kind of ["UserAttributes", "Attributes"]) {
      for (const [name, test] of Object.entries(dimension[kind] ?? {})) {
        const date = Object.keys(DATES).find((key) => DATES[key] === test.AttributeType);
        const operator = date ?? { EXCLUSIVE: "isNot", CONTAINS: "contains" }[test.AttributeType] ?? "is";
        return { kind, name, operator, values: test.Values };
      }
    }
    const own = dimension.Pabal ?? {};
    for (const [name, test] of Object.entries(dimension.Metrics ?? {})) return this.readNumber("Metrics", name, test);
    for (const [name, test] of Object.entries(own.Metrics ?? {})) return this.readNumber("Metrics", name, test);
    for (const kind of ["UserAttributes", "Attributes"]) {
      for (const [name, test] of Object.entries(own[`${kind}AsNumber`] ?? {})) return this.readNumber(kind, name, test);
      for (const name of own.Present?.[kind] ?? []) return { kind, name, operator: "isSet", values: [] };
    }
    const places = [dimension.Demographic, dimension.Location, own.Demographic, own.Location, { OptOut: own.OptOut, EndpointStatus: own.EndpointStatus }];
    for (const place of places) {
      for (const [name, test] of Object.entries(place ?? {})) {
        if (test) return { kind: "Standard", name, operator: test.DimensionType === "EXCLUSIVE" ? "isNot" : "is", values: test.Values };
      }
    }
    return null;
  }

  readNumber(kind, name, test) {
    if (test.ComparisonOperator === "BETWEEN") return { kind, name, operator: "numberBetween", values: [test.Value, test.To] };
    const operator = Object.keys(NUMBERS).find((key) => NUMBERS[key] === test.ComparisonOperator);
    return { kind, name, operator: kind === "Metrics" ? operator : `number-${operator}`, values: [test.Value] };
  }

  addFilter(filter) {
    const row = element("div", { class: "filter-row d-flex flex-wrap gap-2 align-items-start" });
    const subject = element("select", { class: "form-select w-auto", "aria-label": this.words.attribute });
    for (const group of this.stateValue.subjects) {
      const list = element("optgroup", { label: group.group });
      for (const one of group.names) {
        const made = option(`${group.kind}.${one.name}`, one.label ?? one.name);
        if (one.isDate) made.dataset.date = "1";
        list.append(made);
      }
      if (group.names.length) subject.append(list);
    }
    if (filter) {
      const value = `${filter.kind}.${filter.name}`;
      if (![...subject.options].some((one) => one.value === value)) subject.append(option(value, filter.name));
      subject.value = value;
    }
    const operator = element("select", { class: "form-select w-auto", "aria-label": this.words.comparison });
    const values = element("div", { class: "flex-fill" });
    const remove = element("button", { type: "button", class: "btn btn-ghost-danger", "aria-label": this.words.remove }, "×");
    row.append(subject, operator, values, remove);
    this.filtersTarget.append(row);
    subject.addEventListener("change", () => this.fillOperators(row, null));
    operator.addEventListener("change", () => this.fillValues(row, []));
    remove.addEventListener("click", () => {
      row.remove();
      this.changed();
    });
    this.fillOperators(row, filter);
    return row;
  }

  parts(row) {
    const [subject, operator] = row.querySelectorAll(":scope > select");
    const [kind] = subject.value.split(".", 1);
    return { kind, name: subject.value.slice(kind.length + 1), subject, operator, values: row.querySelector(":scope > div") };
  }

  fillOperators(row, filter) {
    const { kind, subject, operator } = this.parts(row);
    const words = this.words;
    const numbers = Object.keys(NUMBERS);
    let choices;
    if (kind === "Metrics") choices = [...numbers.map((key) => [key, words[key]]), ["numberBetween", words.between]];
    else if (kind === "Standard") choices = [["is", words.is], ["isNot", words.isNot]];
    else {
      choices = [["is", words.is], ["isNot", words.isNot], ["contains", words.contains], ["isSet", words.isSet]];
      const dates = Object.keys(DATES).map((key) => [key, words[key]]);
      choices = subject.selectedOptions[0]?.dataset.date ? [...dates, ...choices] : [...choices, ...dates];
      choices.push(...numbers.map((key) => [`number-${key}`, `${words.asNumber} ${words[key]}`]));
    }
    operator.replaceChildren(...choices.map(([value, text]) => option(value, text)));
    if (filter) operator.value = filter.operator;
    this.fillValues(row, filter?.values ?? []);
  }

  fillValues(row, given) {
    const { kind, name, operator, values } = this.parts(row);
    const key = operator.value;
    values.replaceChildren();
    if (key === "isSet") this.changed();
    else if (key in DATES) this.fillDates(values, key, given);
    else if (key in NUMBERS || key.startsWith("number")) this.fillNumbers(values, key, given);
    else this.fillTexts(values, kind, name, given);
    this.changed();
  }

  fillDates(values, key, given) {
    for (let place = 0; place < (key === "between" ? 2 : 1); place += 1) {
      const wall = given[place] ? wallOf(given[place].length === 10 ? `${given[place]}T00:00:00Z` : given[place], this.zoneValue) : "";
      const input = element("input", { type: "datetime-local", class: "form-control w-auto d-inline-block", "aria-label": this.words.value, value: wall });
      const stored = element("div", { class: "form-hint" });
      const show = () => {
        stored.textContent = input.value ? this.words.stored.replace("{}", instantOf(input.value, this.zoneValue)) : "";
      };
      input.addEventListener("input", () => {
        show();
        this.changed();
      });
      const box = element("div");
      box.append(input, stored);
      values.append(box);
      show();
    }
  }

  fillNumbers(values, key, given) {
    for (let place = 0; place < (key === "numberBetween" ? 2 : 1); place += 1) {
      const input = element("input", { type: "number", step: "any", class: "form-control w-auto d-inline-block me-2", "aria-label": place ? this.words.to : this.words.value });
      input.value = given[place] ?? "";
      input.addEventListener("input", () => this.changed());
      values.append(input);
    }
  }

  fillTexts(values, kind, name, given) {
    const select = element("select", { multiple: "", "aria-label": this.words.values, placeholder: this.words.choose });
    for (const value of given) {
      const made = option(value, value);
      made.selected = true;
      select.append(made);
    }
    values.append(select);
    const url = (query) => `${this.valuesUrlValue}?${new URLSearchParams({ kind, name, q: query })}`;
    new window.TomSelect(select, {
      create: true, createOnBlur: true, plugins: ["remove_button"], preload: "focus", valueField: "value", labelField: "value", searchField: ["value"],
      load: (query, done) => {
        fetch(url(query), { headers: { Accept: "application/json" } })
          .then((answer) => answer.json())
          .then((found) => done(found.values), () => done());
      },
      onChange: () => this.changed(),
    });
  }

  // A row as a dimension, or null while it is not complete.
  dimension(row) {
    const { kind, name, operator, values } = this.parts(row);
    const key = operator.value;
    if (key === "isSet") return { Pabal: { Present: { [kind]: [name] } } };
    if (key in DATES) {
      const walls = [...values.querySelectorAll("input")].map((input) => input.value);
      if (walls.some((wall) => !wall)) return null;
      return { [kind]: { [name]: { AttributeType: DATES[key], Values: walls.map((wall) => instantOf(wall, this.zoneValue)) } } };
    }
    if (key in NUMBERS || key.startsWith("number")) {
      const numbers = [...values.querySelectorAll("input")].map((input) => (input.value === "" ? null : Number(input.value)));
      if (numbers.some((number) => number === null || Number.isNaN(number))) return null;
      if (key === "numberBetween") return { Pabal: { Metrics: { [name]: { ComparisonOperator: "BETWEEN", Value: numbers[0], To: numbers[1] } } } };
      const test = { ComparisonOperator: NUMBERS[key.replace("number-", "")], Value: numbers[0] };
      return kind === "Metrics" ? { Metrics: { [name]: test } } : { Pabal: { [`${kind}AsNumber`]: { [name]: test } } };
    }
    const chosen = [...values.querySelector("select").selectedOptions].map((one) => one.value);
    if (!chosen.length) return null;
    if (kind !== "Standard") {
      return { [kind]: { [name]: { AttributeType: { is: "INCLUSIVE", isNot: "EXCLUSIVE", contains: "CONTAINS" }[key], Values: chosen } } };
    }
    const test = { DimensionType: key === "isNot" ? "EXCLUSIVE" : "INCLUSIVE", Values: chosen };
    if (DEMOGRAPHIC.includes(name)) return { Demographic: { [name]: test } };
    if (OWN_DEMOGRAPHIC.includes(name)) return { Pabal: { Demographic: { [name]: test } } };
    if (name === "Country") return { Location: { Country: test } };
    if (name === "City") return { Pabal: { Location: { City: test } } };
    return { Pabal: { [name]: test } };
  }

  changed() {
    const dimensions = [...this.filtersTarget.children].map((row) => this.dimension(row)).filter(Boolean);
    const sources = [...this.sourcesTarget.selectedOptions].map((one) => ({ Id: one.value }));
    const group = { SourceSegments: sources, SourceType: "ANY", Type: this.typeTarget.value, Dimensions: dimensions };
    const text = JSON.stringify({ SegmentGroups: { Include: "ALL", Groups: [group] } });
    if (text === this.counted) return;
    this.documentTarget.value = text;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.count(text), 200);
  }

  async count(text) {
    this.asked?.abort();
    this.asked = new AbortController();
    this.counted = text;
    const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
    try {
      const answer = await fetch(this.countUrlValue, {
        method: "POST", body: new URLSearchParams({ document: text }), headers: { "X-CSRFToken": token }, signal: this.asked.signal,
      });
      if (!answer.ok) throw new Error(answer.statusText);
      this.countTarget.innerHTML = await answer.text(); // our own page, escaped by its template
    } catch (error) {
      if (error.name !== "AbortError") this.counted = null;
    }
  }
}
