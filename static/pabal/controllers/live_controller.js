// Asks for the page again every few seconds while somebody looks at it, and puts in the place of its parts with data-live what is new.
import { Controller } from "../../vendor/stimulus/stimulus.js";
import { PoliteLine, clockOf } from "../polite.js";

const SECONDS = 5;
const LONGEST = 120; // while nobody answers

export default class extends Controller {
  static targets = ["said", "switch", "told"];
  static values = { mark: String, zone: String, fresh: String, stale: String, told: String };

  connect() {
    this.element.hidden = false;
    this.clock = clockOf(this.zoneValue);
    this.line = new PoliteLine(this.toldTarget, this.toldValue, this.clock);
    this.at = new Date();
    this.pause = SECONDS;
    this.seen = () => document.hidden || this.look();
    document.addEventListener("visibilitychange", this.seen);
    this.say(this.freshValue);
    this.wait();
  }

  disconnect() {
    document.removeEventListener("visibilitychange", this.seen);
    clearTimeout(this.timer);
    this.line.stop();
    this.asked?.abort();
  }

  get isOn() {
    return this.switchTarget.getAttribute("aria-pressed") === "true";
  }

  toggle() {
    this.switchTarget.setAttribute("aria-pressed", this.isOn ? "false" : "true");
    if (this.isOn) this.look();
  }

  say(text) {
    this.saidTarget.textContent = text.replace("{}", this.clock.format(this.at));
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), this.pause * 1000);
  }

  async look() {
    clearTimeout(this.timer);
    if (document.hidden || !this.isOn) return this.wait();
    this.asked?.abort();
    this.asked = new AbortController();
    try {
      const now = new Date();
      const answer = await fetch(location.href, { headers: { "X-Pabal-Mark": this.markValue }, redirect: "error", signal: this.asked.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      if (answer.status !== 204) {
        this.take(new DOMParser().parseFromString(await answer.text(), "text/html"));
        this.line.tell();
      }
      this.at = now;
      this.pause = SECONDS;
      this.say(this.freshValue);
    } catch (error) {
      if (error.name === "AbortError") return undefined; // another look is under way
      this.pause = Math.min(LONGEST, this.pause * 2);
      this.say(this.staleValue);
    }
    return this.wait();
  }

  take(fresh) {
    const mark = fresh.querySelector("[data-live-mark-value]")?.dataset.liveMarkValue;
    if (!mark) throw new Error("another page"); // the way in, or one that says what went wrong
    const names = (page) => [...page.querySelectorAll("[data-live]")].map((one) => one.id).join();
    const whole = document.querySelector("[data-live-all]");
    if (whole && names(document) !== names(fresh)) { // pictures came, or went
      whole.replaceChildren(...fresh.querySelector("[data-live-all]").childNodes);
      document.dispatchEvent(new CustomEvent("live:renewed"));
      this.markValue = mark;
      return;
    }
    const parts = [...document.querySelectorAll("[data-live]")].filter((one) => !one.querySelector("[data-live]"));
    const left = parts.filter((one) => {
      const other = fresh.getElementById(one.id);
      return other && !renew(one, other);
    });
    if (!left.length) this.markValue = mark; // else it is looked at again until it can be taken
  }
}

// False: somebody is at it, who must not lose his place.
function renew(part, fresh) {
  const changed = [...part.querySelectorAll("input, select, textarea")].some((one) => one.checked !== one.defaultChecked || (one.type !== "checkbox" && one.value !== one.defaultValue && one.tagName !== "SELECT"));
  if (changed || (part.contains(document.activeElement) && part.querySelector("tbody")?.contains(document.activeElement))) return false;
  const [drawn, told] = [part, fresh].map((one) => one.querySelector(":scope > .card-body > script[type='application/json']"));
  const table = part.querySelector("table");
  if (part.matches("[data-controller~=chart]") && drawn && told && table) {
    if (drawn.textContent === told.textContent) return true;
    drawn.textContent = told.textContent;
    table.innerHTML = fresh.querySelector("table").innerHTML; // our own page, escaped by its template
    part.dispatchEvent(new CustomEvent("chart:renew"));
    return true;
  }
  const open = [...part.querySelectorAll("details")].map((one) => one.open);
  part.replaceChildren(...fresh.childNodes);
  part.querySelectorAll("details").forEach((one, place) => { one.open = open[place] ?? one.open; });
  return true;
}
