import { Controller } from "../../vendor/stimulus/stimulus.js";

// Rows of a form that can be added and taken away: a <template data-rows-target="blank">, a list, and buttons.
export default class extends Controller {
  static targets = ["blank", "list"];

  add() {
    this.listTarget.append(this.blankTarget.content.cloneNode(true));
    this.listTarget.lastElementChild.querySelector("input, textarea")?.focus();
  }

  remove(event) {
    const row = event.target.closest("[data-row]");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("input, textarea") ?? this.element.querySelector("[data-action='rows#add']")).focus();
  }
}
