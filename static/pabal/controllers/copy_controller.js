import { Controller } from "../../vendor/stimulus/stimulus.js";

// Copies a text: data-copy-target="text" on it, "button" on the button, data-copy-done-value: what the button says afterwards.
export default class extends Controller {
  static targets = ["text", "button"];
  static values = { done: String };

  async copy() {
    const text = this.textTarget.textContent;
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
    } else {
      this.copyBySelection(); // a page without TLS has no clipboard
    }
    this.buttonTarget.textContent = this.doneValue;
  }

  copyBySelection() {
    const range = document.createRange();
    range.selectNodeContents(this.textTarget);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    document.execCommand("copy");
  }
}
