// Says how old a <time> within it is, in the page's language, and keeps saying it.
import { Controller } from "../../vendor/stimulus/stimulus.js";

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });

export default class extends Controller {
  connect() {
    this.time = this.element.querySelector("time");
    this.age = document.createElement("span");
    this.element.append(" · ", this.age);
    this.say();
    this.timer = setInterval(() => this.say(), 30_000);
  }

  disconnect() {
    clearInterval(this.timer);
  }

  say() {
    const seconds = Math.max(0, (Date.now() - Date.parse(this.time.dateTime)) / 1_000);
    const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? ["second", 1];
    this.age.textContent = relative.format(-Math.floor(seconds / length), unit);
  }
}
