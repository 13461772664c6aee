import { Controller } from "../../vendor/stimulus/stimulus.js";

// The shares of a campaign's treatments as one types: the first gets what the others and the holdout leave.
export default class extends Controller {
  static targets = ["share", "rest", "part", "said"];
  static values = { held: Number };

  update() {
    const others = this.shareTargets.map((field) => Math.max(0, Number(field.value) || 0));
    const rest = 100 - this.heldValue - others.reduce((sum, one) => sum + one, 0);
    this.restTarget.textContent = rest;
    this.restTarget.classList.toggle("text-danger", rest < 1);
    let start = 0;
    [Math.max(0, rest), ...others].forEach((share, number) => {
      this.partTargets[number].setAttribute("x", start);
      this.partTargets[number].setAttribute("width", share);
      this.saidTargets[number].textContent = `${share}%`;
      start += share;
    });
  }
}
