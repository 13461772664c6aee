import { Controller } from "../../vendor/stimulus/stimulus.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };

// The arrow keys go from day to day, Page Up and Page Down to the pages before and after. data-calendar-target="day" on the links of the days, in order.
export default class extends Controller {
  static targets = ["day", "earlier", "later"];

  move(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const at = this.dayTargets.indexOf(document.activeElement);
    const shown = this.dayTargets[at + STEPS[event.key]];
    if (at >= 0 && shown) {
      event.preventDefault();
      shown.focus();
    } else if (at >= 0 && event.key in STEPS) {
      event.preventDefault(); // the page must not jump at the edge of the month
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      event.preventDefault();
      (event.key === "PageUp" ? this.earlierTarget : this.laterTarget).click();
    }
  }
}
