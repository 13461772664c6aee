import { Controller } from "../../vendor/stimulus/stimulus.js";
import { read, split } from "../builder/document.js";
import { Filter, option } from "../builder/filter.js";
import { picker } from "../builder/picker.js";

const MAX_GROUPS = 5;

// The groups of a definition; each is a copy of the page's <template>, its parts found by data-part.
export default class extends Controller {
  static targets = ["document", "groups", "group", "include", "includeBox", "addGroup", "count"];
  static values = { state: Object, countUrl: String, valuesUrl: String, linksUrl: String, zone: String };

  connect() {
    this.words = this.stateValue.words;
    this.made = 0;
    const given = JSON.parse(this.documentTarget.value || "{}");
    const groups = given.Dimensions ? [{ Dimensions: [given.Dimensions] }] : (given.SegmentGroups?.Groups ?? []);
    this.includeTarget.value = given.SegmentGroups?.Include ?? "ALL";
    for (const group of groups.length ? groups : [{}]) this.appendGroup(group);
    this.changed();
  }

  disconnect() {
    clearTimeout(this.timer);
    this.asked?.abort();
  }

  addGroup() {
    this.appendGroup({}).querySelector("[data-part=add]").focus();
    this.changed();
  }

  appendGroup(group) {
    this.made += 1;
    const box = this.groupTarget.content.firstElementChild.cloneNode(true);
    const part = (name) => box.querySelector(`[data-part=${name}]`);
    for (const labelled of box.querySelectorAll("[data-for]")) {
      const id = `builder-${labelled.dataset.for}${this.made === 1 ? "" : `-${this.made}`}`;
      labelled.setAttribute("for", id);
      part(labelled.dataset.for).id = id;
    }
    this.groupsTarget.append(box);
    this.fillSources(part("sources"), group.SourceSegments ?? []);
    part("sourceType").value = group.SourceType ?? "ANY";
    part("type").value = group.Type ?? "ALL";
    part("exclude").value = group.Pabal?.Exclude ? "exclude" : "include";
    this.fillLimit(part, group.Pabal?.Limit);
    for (const dimension of group.Dimensions ?? []) {
      const parts = (group.Type ?? "ALL") === "ALL" && dimension.Pabal?.Negate !== true ? split(dimension) : [dimension];
      for (const one of parts) part("filters").append(new Filter(this, read(one)).box);
    }
    part("add").addEventListener("click", () => {
      const filter = new Filter(this, null);
      part("filters").append(filter.box);
      filter.subject.focus();
    });
    part("removeGroup").addEventListener("click", () => {
      box.remove();
      this.changed();
    });
    for (const control of box.querySelectorAll("[data-watched]")) {
      control.addEventListener("input", () => {
        this.showParts(box);
        this.changed();
      });
    }
    this.showParts(box);
    return box;
  }

  fillSources(select, chosen) {
    const versions = Object.fromEntries(chosen.map((source) => [source.Id, source.Version]));
    select.versions = versions;
    const known = [...this.stateValue.sources];
    for (const { Id } of chosen) if (!known.some((one) => one.id === Id)) known.push({ id: Id, name: Id });
    for (const source of known) {
      const version = versions[source.id];
      const made = option(source.id, version ? `${source.name} (${this.words.version} ${version})` : source.name);
      made.selected = source.id in versions;
      select.append(made);
    }
    picker(select, {
      plugins: ["remove_button"], maxOptions: 500,
      onChange: () => {
        this.showParts(select.closest("[data-part=group]"));
        this.changed();
      },
    });
  }

  fillLimit(part, limit) {
    const metrics = this.stateValue.subjects.find((group) => group.kind === "Metrics").names.map((one) => one.name);
    if (limit?.Name && !metrics.includes(limit.Name)) metrics.push(limit.Name);
    part("metric").append(...metrics.map((name) => option(name, name)));
    if (!metrics.length) for (const one of part("limitBy").querySelectorAll("[value=DESC], [value=ASC]")) one.disabled = true;
    part("limitBy").value = !limit ? "" : limit.By === "RANDOM" ? "RANDOM" : (limit.Order ?? "DESC");
    part("limitCount").value = limit?.Count ?? 1000;
    if (limit?.Name) part("metric").value = limit.Name;
    part("limitBy").seed = limit?.Seed ?? Math.floor(Math.random() * 2 ** 31);
  }

  limit(part) {
    const by = part("limitBy").value;
    const count = Number(part("limitCount").value);
    if (!by || !Number.isInteger(count) || count < 1) return null;
    if (by === "RANDOM") return { Count: count, By: "RANDOM", Seed: part("limitBy").seed };
    return { Count: count, By: "METRIC", Name: part("metric").value, Order: by };
  }

  // What depends on other choices: the way of combining base segments, the fields of the limit, the buttons of groups.
  showParts(box) {
    const part = (name) => box.querySelector(`[data-part=${name}]`);
    part("sourceTypeBox").hidden = part("sources").selectedOptions.length < 2 && part("sourceType").value !== "NONE";
    part("limitBox").hidden = !part("limitBy").value;
    part("metricBox").hidden = !["DESC", "ASC"].includes(part("limitBy").value);
  }

  group(box) {
    const part = (name) => box.querySelector(`[data-part=${name}]`);
    const sources = [...part("sources").selectedOptions].map(({ value }) => {
      const version = part("sources").versions[value];
      return version ? { Id: value, Version: version } : { Id: value };
    });
    const dimensions = [...part("filters").children].map((row) => row.filter.dimension()).filter(Boolean);
    const made = { SourceSegments: sources, SourceType: part("sourceType").value, Type: part("type").value, Dimensions: dimensions };
    const own = {};
    if (part("exclude").value === "exclude") own.Exclude = true;
    const limit = this.limit(part);
    if (limit) own.Limit = limit;
    return Object.keys(own).length ? { ...made, Pabal: own } : made;
  }

  changed() {
    const boxes = [...this.groupsTarget.children];
    this.includeBoxTarget.hidden = boxes.length < 2 && this.includeTarget.value !== "NONE";
    this.addGroupTarget.disabled = boxes.length >= MAX_GROUPS;
    for (const box of boxes) box.querySelector("[data-part=removeGroup]").hidden = boxes.length < 2;
    const text = JSON.stringify({ SegmentGroups: { Include: this.includeTarget.value, Groups: boxes.map((box) => this.group(box)) } });
    this.documentTarget.value = text;
    clearTimeout(this.timer); // what was to be counted is not what stands there now
    if (text === this.counted) return;
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
      const isOpen = this.countTarget.querySelector("details")?.open;
      this.countTarget.innerHTML = await answer.text(); // our own page, escaped by its template
      if (isOpen) this.countTarget.querySelector("details")?.setAttribute("open", "");
    } catch (error) {
      if (error.name !== "AbortError") this.counted = null;
    }
  }
}
