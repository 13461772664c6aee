// One filter of the builder: what it looks at, how it compares, and with which values.
import { instantOf, wallOf } from "./dates.js";
import { DATES, NUMBERS, SPANS, write } from "./document.js";
import { drawMap } from "./map.js";
import { picker } from "./picker.js";

export function element(tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

export function option(value, text) {
  return element("option", { value }, text);
}

const DURATIONS = ["HR_24", "DAY_7", "DAY_14", "DAY_30"];
const ACTIONS = ["RECEIVED", "OPENED", "CLICKED", "UNSUBSCRIBED"];

export class Filter {
  // `builder` gives state, words, zone, urls and changed(); `row` is what the document holds, or null for a new one.
  constructor(builder, row) {
    this.builder = builder;
    this.words = builder.words;
    this.box = element("div", { class: "filter-row d-flex flex-wrap gap-2 align-items-start" });
    this.box.filter = this;
    const remove = element("button", { type: "button", class: "btn btn-ghost-danger", "aria-label": this.words.remove }, "×");
    remove.addEventListener("click", () => {
      this.box.remove();
      builder.changed();
    });
    if (row?.kind === "raw") {
      this.raw = row;
      this.box.append(element("div", { class: "flex-fill text-secondary" }, `${this.words.raw} ${JSON.stringify(row.values[0])}`), remove);
      return;
    }
    this.subject = this.subjects(row);
    this.not = element("input", { type: "checkbox", class: "form-check-input" });
    this.not.checked = row?.not ?? false;
    const label = element("label", { class: "form-check mt-2 mb-0" });
    label.append(this.not, element("span", { class: "form-check-label" }, this.words.not));
    this.operator = element("select", { class: "form-select w-auto", "aria-label": this.words.comparison });
    this.values = element("div", { class: "flex-fill" });
    this.incomplete = element("div", { class: "form-hint w-100 mt-0", hidden: "" }, this.words.incomplete);
    this.box.append(this.subject, label, this.operator, this.values, remove, this.incomplete);
    this.subject.addEventListener("change", () => this.fillOperators(null));
    this.not.addEventListener("change", () => builder.changed());
    this.operator.addEventListener("change", () => this.fillValues([]));
    this.fillOperators(row);
  }

  get kind() {
    return this.subject.value.split(".", 1)[0];
  }

  get name() {
    return this.subject.value.slice(this.kind.length + 1);
  }

  subjects(row) {
    const subject = element("select", { class: "form-select w-auto", "aria-label": this.words.attribute });
    for (const group of this.builder.stateValue.subjects) {
      const list = element("optgroup", { label: group.group });
      for (const one of group.names) {
        const made = option(`${group.kind || one.kind}.${one.name}`, one.label ?? one.name);
        if (one.isDate) made.dataset.date = "1";
        list.append(made);
      }
      if (group.names.length) subject.append(list);
    }
    if (row) {
      const value = `${row.kind}.${row.name}`;
      if (![...subject.options].some((one) => one.value === value)) subject.append(option(value, row.name));
      subject.value = value;
    }
    return subject;
  }

  choices() {
    const words = this.words;
    const worded = (keys, prefix = "") => keys.map((key) => [`${prefix}${key}`, words[key]]);
    if (this.kind === "Recency") return worded(["ACTIVE", "INACTIVE"]);
    if (this.kind === "Messages") return worded(ACTIONS);
    if (this.kind === "Events") return worded(["did"]);
    if (this.kind === "Near") return worded(["within"]);
    const present = worded(["isSet", "isEmpty"]);
    if (this.kind === "Metrics") return [...worded([...Object.keys(NUMBERS), "between"], "number-"), ...present];
    if (this.kind === "Standard") return [...worded(["is", "isNot"]), ...present];
    const texts = [...worded(["is", "isNot", "contains"]), ...present];
    const dates = worded([...Object.keys(DATES), ...Object.keys(SPANS)]);
    const numbers = [...Object.keys(NUMBERS), "between"].map((key) => [`number-${key}`, `${words.asNumber} ${words[key]}`]);
    return this.subject.selectedOptions[0]?.dataset.date ? [...dates, ...texts, ...numbers] : [...texts, ...dates, ...numbers];
  }

  fillOperators(row) {
    this.operator.replaceChildren(...this.choices().map(([value, text]) => option(value, text)));
    if (row) this.operator.value = row.operator;
    this.fillValues(row?.values ?? []);
  }

  fillValues(given) {
    const key = this.operator.value;
    this.values.replaceChildren();
    this.show = null;
    if (this.kind === "Recency") this.fillChoice(DURATIONS.map((one) => [one, this.words[one]]), given[0] ?? "DAY_30", this.words.value);
    else if (this.kind === "Messages") this.fillMessages(given);
    else if (this.kind === "Events") this.fillEvent(given);
    else if (this.kind === "Near") this.fillPoint(given);
    else if (key in SPANS) key === "today" || this.fillNumber(given[0] ?? (key === "anniversary" ? 0 : 30), this.words.days, "1");
    else if (key in DATES) this.fillDates(key, given);
    else if (key.startsWith("number-")) {
      this.fillNumber(given[0] ?? "", this.words.value);
      if (key === "number-between") this.fillNumber(given[1] ?? "", this.words.to);
    } else if (key !== "isSet" && key !== "isEmpty") this.fillTexts(given);
    this.builder.changed();
  }

  labelled(control, text) {
    const box = element("label", { class: "d-inline-flex flex-column me-2 mb-1" });
    control.setAttribute("aria-label", text); // else the options of a list belong to its name
    box.append(element("span", { class: "form-hint" }, text), control);
    this.values.append(box);
    return control;
  }

  fillChoice(choices, chosen, text) {
    const select = element("select", { class: "form-select w-auto", "data-value": "" });
    select.append(...choices.map(([value, label]) => option(value, label)));
    select.value = chosen;
    select.addEventListener("change", () => this.builder.changed());
    return this.labelled(select, text);
  }

  fillNumber(given, text, step = "any") {
    const input = element("input", { type: "number", step, class: "form-control number-input", "data-value": "" });
    input.value = given;
    input.addEventListener("input", () => {
      this.show?.();
      this.builder.changed();
    });
    return this.labelled(input, text);
  }

  fillMessages([campaign = "", link = "", days = ""]) {
    const campaigns = this.builder.stateValue.campaigns.map((one) => [one.id, one.name]);
    if (campaign && !campaigns.some(([id]) => id === campaign)) campaigns.push([campaign, campaign]);
    const chosen = this.fillChoice([["", this.words.anyCampaign], ...campaigns], campaign, this.words.campaign);
    const choose = this.fillLink(String(link));
    choose(chosen.value);
    chosen.addEventListener("change", () => {
      choose(chosen.value);
      this.builder.changed();
    });
    const within = this.fillNumber(days, this.words.withinDays, "1");
    within.min = "1";
    within.placeholder = this.words.ever;
  }

  fillEvent([event = "", times = 1, days = "", name = "", value = ""]) {
    const known = this.builder.stateValue.events;
    const events = event && !known.some(([name]) => name === event) ? [...known, [event, event]] : known;
    this.fillChoice([["", this.words.chooseEvent], ...events], event, this.words.event);
    this.fillNumber(times, this.words.atLeast, "1").min = "1";
    const within = this.fillNumber(days, this.words.withinDays, "1");
    within.min = "1";
    within.placeholder = this.words.ever;
    this.fillText(name, this.words.whereAttribute).placeholder = this.words.any;
    this.fillText(value, this.words.value);
  }

  fillText(given, text) {
    const input = element("input", { type: "text", class: "form-control w-auto", maxlength: "200", "data-value": "" });
    input.value = given;
    input.addEventListener("input", () => this.builder.changed());
    return this.labelled(input, text);
  }

  // The link that was clicked, by its address; what is kept is its number, after that of the treatment where each has links of its own.
  // Gives back what to call with the campaign.
  fillLink(given) {
    const select = element("select", { "data-value": "", "aria-label": this.words.link });
    const box = element("div", { class: "link-choice me-2 mb-1" });
    box.append(element("span", { class: "form-hint" }, this.words.link), select);
    this.values.append(box);
    const number = (one) => one.key.split(":").pop();
    const words = (one) => [one.name, number(one), one.address].filter(Boolean).join(" · ");
    const shown = (one) => (one.address ? words(one) : `${this.words.linkNumber} ${number(one)}`);
    const list = picker(select, {
      allowEmptyOption: true, valueField: "key", searchField: ["key", "name", "address"], maxOptions: 500, placeholder: this.words.anyLink,
      plugins: ["clear_button"], sortField: [{ field: "order" }],
      options: given === "" ? [] : [{ key: given, order: -1 }], items: given === "" ? [] : [given],
      render: { option: (one, escape) => `<div>${escape(shown(one))}</div>`, item: (one, escape) => `<div>${escape(shown(one))}</div>` },
      onChange: () => this.builder.changed(),
    });
    let asked = null;
    return (campaign) => {
      box.hidden = this.operator.value !== "CLICKED" || !campaign;
      const kept = asked === null ? given : "";
      asked = campaign;
      if (!kept) list.clear(true);
      if (box.hidden) return;
      fetch(`${this.builder.linksUrlValue}?${new URLSearchParams({ campaign })}`, { headers: { Accept: "application/json" } })
        .then((answer) => answer.json())
        .then(({ links }) => {
          if (asked !== campaign || !box.isConnected) return; // another one was chosen meanwhile
          for (const one of Object.keys(list.options)) if (one !== kept) list.removeOption(one, true);
          for (const [order, one] of links.entries()) {
            const made = { ...one, key: one.treatment === null ? String(one.number) : `${one.treatment}:${one.number}`, order };
            if (made.key === kept) list.updateOption(kept, made);
            else list.addOption(made);
          }
          list.refreshOptions(list.isFocused);
        }, () => {});
    };
  }

  fillPoint([latitude = "", longitude = "", kilometres = 10]) {
    const north = this.fillNumber(latitude, this.words.latitude);
    const east = this.fillNumber(longitude, this.words.longitude);
    const reach = this.fillNumber(kilometres, this.words.kilometres);
    const box = element("div", { class: "map-box mt-2", "aria-hidden": "true" });
    this.values.append(box, element("div", { class: "form-hint" }, this.words.mapHint));
    const picked = (first, second) => {
      north.value = first;
      east.value = second;
      this.show?.();
      this.builder.changed();
    };
    drawMap(box, this.builder.stateValue.map, picked).then(
      (draw) => {
        this.show = () => {
          if (north.value !== "" && east.value !== "" && Number(reach.value) > 0) draw(Number(north.value), Number(east.value), Number(reach.value));
        };
        this.show();
      },
      () => box.remove(), // without the map the numbers still do
    );
  }

  fillDates(key, given) {
    const zone = this.builder.zoneValue;
    for (let place = 0; place < (key === "between" ? 2 : 1); place += 1) {
      const wall = given[place] ? wallOf(given[place].length === 10 ? `${given[place]}T00:00:00Z` : given[place], zone) : "";
      const input = element("input", { type: "datetime-local", class: "form-control w-auto", "data-value": "", "aria-label": place ? this.words.to : this.words.value, value: wall });
      const stored = element("div", { class: "form-hint" });
      const show = () => {
        stored.textContent = input.value ? this.words.stored.replace("{}", instantOf(input.value, zone)) : "";
      };
      input.addEventListener("input", () => {
        show();
        this.builder.changed();
      });
      const box = element("div");
      box.append(input, stored);
      this.values.append(box);
      show();
    }
  }

  fillTexts(given) {
    const select = element("select", { multiple: "", "data-value": "", "aria-label": this.words.values, placeholder: this.words.choose });
    for (const value of given) {
      const made = option(value, value);
      made.selected = true;
      select.append(made);
    }
    this.values.append(select);
    const name = this.kind === "Standard" ? this.name.split(".").pop() : this.name;
    const url = (query) => `${this.builder.valuesUrlValue}?${new URLSearchParams({ kind: this.kind, name, q: query })}`;
    picker(select, {
      create: true, createOnBlur: true, plugins: ["remove_button"], preload: "focus", valueField: "value", labelField: "value", searchField: ["value"],
      load: (query, done) => {
        fetch(url(query), { headers: { Accept: "application/json" } })
          .then((answer) => answer.json())
          .then((found) => done(found.values), () => done());
      },
      render: {
        option: (one, escape) => {
          const count = typeof one.count === "number" ? ` <span class="text-secondary">${escape(one.count.toLocaleString())}</span>` : "";
          return `<div>${escape(one.value)}${count}</div>`;
        },
      },
      onChange: () => this.builder.changed(),
    });
  }

  // The row as a dimension of the document, or null while it is not complete.
  dimension() {
    if (this.raw) return write(this.raw);
    const key = this.operator.value;
    let values = [];
    const controls = [...this.values.querySelectorAll("select[data-value], input[data-value]")];
    if (controls[0]?.multiple) values = [...controls[0].selectedOptions].map((one) => one.value);
    else values = controls.map((control) => control.value);
    if (key in DATES) values = values.map((wall) => (wall ? instantOf(wall, this.builder.zoneValue) : ""));
    const made = write({ kind: this.kind, name: this.name, operator: key, values, not: this.not.checked });
    this.incomplete.hidden = made !== null;
    return made;
  }
}
