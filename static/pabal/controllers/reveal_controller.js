import { Controller } from "../../vendor/stimulus/stimulus.js";

// Shows the parts of a form that belong to the chosen value: data-reveal-for="a b" on a part, data-reveal-target="choice" on the inputs.
export default class extends Controller {
  static targets = ["choice", "part"];

  connect() {
    this.update();
  }

  update() {
    const chosen = this.choiceTargets
      .filter((choice) => (choice.type !== "radio" && choice.type !== "checkbox") || choice.checked)
      .map((choice) => choice.value);
    for (const part of this.partTargets) {
      const shown = part.dataset.revealFor.split(" ").some((value) => chosen.includes(value));
      part.hidden = !shown;
    }
    for (const field of this.partTargets.flatMap((part) => [...part.querySelectorAll(":required, [data-reveal-required]")])) {
      field.dataset.revealRequired = ""; // a browser sends no form with a required field that nobody can see
      field.required = !field.closest("[data-reveal-target~=part][hidden]");
    }
  }
}
