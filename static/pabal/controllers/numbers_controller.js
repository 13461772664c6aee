// Says in a polite line that the numbers in it, which htmx asks for again and again, are new ones.
import { Controller } from "../../vendor/stimulus/stimulus.js";
import { PoliteLine, clockOf } from "../polite.js";

export default class extends Controller {
  static targets = ["told"];
  static values = { told: String, zone: String };

  connect() {
    this.line = new PoliteLine(this.toldTarget, this.toldValue, clockOf(this.zoneValue));
    this.shown = this.read();
  }

  disconnect() {
    this.line.stop();
  }

  read() {
    return [...this.element.querySelectorAll("[data-number]")].map((one) => one.textContent).join();
  }

  look() {
    const now = this.read();
    if (now !== this.shown) this.line.tell();
    this.shown = now;
  }
}
