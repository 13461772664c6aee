// Tiles are dragged into another order; the server keeps it and gives them back. Whoever has no mouse uses each tile's buttons.
import { Controller } from "../../vendor/stimulus/stimulus.js";

export default class extends Controller {
  static targets = ["tile"];
  static values = { url: String };

  begin(event) {
    this.dragged = event.currentTarget;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", this.dragged.dataset.id);
    this.dragged.classList.add("tile-dragged");
  }

  over(event) {
    const tile = event.currentTarget;
    if (!this.dragged || tile === this.dragged) return;
    event.preventDefault();
    const isBefore = this.tileTargets.indexOf(this.dragged) > this.tileTargets.indexOf(tile);
    tile[isBefore ? "before" : "after"](this.dragged);
  }

  drop(event) {
    event.preventDefault();
  }

  end() {
    this.dragged.classList.remove("tile-dragged");
    this.dragged = null;
    const values = { tile: this.tileTargets.map((tile) => tile.dataset.id) };
    window.htmx.ajax("POST", this.urlValue, { source: this.element, target: "#tiles", swap: "outerHTML", values });
  }
}
