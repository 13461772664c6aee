import { Controller } from "../../vendor/stimulus/stimulus.js";

const holds = (text, keys) => [...keys].reduce((at, key) => (at < 0 ? at : text.indexOf(key, at) + 1 || -1), 0) >= 0;

// In place of all that was typed of a variable. The list may be some keys behind: what was chosen of it must fit what was typed since,
// or else the first variable that does is meant.
function insertMatch(editor, { value, values }) {
  const { row, column } = editor.getCursorPosition();
  const [typed] = editor.session.getLine(row).slice(0, column).match(/\{[\w.{]*$/) ?? [""];
  const fits = (one) => holds(one.toLowerCase(), typed.toLowerCase());
  const meant = fits(value) ? value : values.find(fits);
  if (meant) editor.session.replace({ start: { row, column: column - typed.length }, end: { row, column } }, meant);
}

// Ace over the HTML field, which stays what the form sends; completion of variables there, and a picker for the other fields.
export default class extends Controller {
  static targets = ["field", "picker"];
  static values = { names: Array, base: String };

  connect() {
    for (const name of this.namesValue) {
      const option = document.createElement("option");
      option.value = name;
      option.textContent = name;
      this.pickerTarget.append(option);
    }
    this.last = this.fieldTargets[0];
    for (const field of this.fieldTargets) field.addEventListener("focus", () => { this.last = field; });
    const html = this.fieldTargets.find((field) => field.name === "html");
    if (window.ace && html) this.edit(html);
  }

  edit(field) {
    const { ace } = window;
    ace.config.set("basePath", this.baseValue);
    ace.config.set("useStrictCSP", true);
    ace.config.set("loadWorkerFromBlob", false);
    const box = document.createElement("div");
    box.className = "editor";
    field.after(box);
    field.hidden = true;
    this.editor = ace.edit(box, { mode: "ace/mode/html", useWorker: false, wrap: true, showPrintMargin: false, fontSize: 13 });
    this.editor.setValue(field.value, -1);
    this.editor.textInput.getElement().setAttribute("aria-label", "HTML");
    this.editor.session.on("change", () => { field.value = this.editor.getValue(); });
    this.editor.on("focus", () => { this.last = this.editor; });
    const values = this.namesValue.map((name) => `{{${name}}}`);
    this.editor.setOptions({ enableBasicAutocompletion: [{
      identifierRegexps: [/[\w.{]/],
      getCompletions: (_editor, _session, _position, _prefix, done) =>
        done(null, values.map((value) => ({ value, values, meta: "Pabal", completer: { insertMatch } }))),
    }], enableLiveAutocompletion: false });
    this.editor.commands.on("afterExec", ({ command, args }) => {
      if (command.name === "insertstring" && args === "{") this.editor.execCommand("startAutocomplete");
    });
  }

  insert() {
    const name = this.pickerTarget.value;
    this.pickerTarget.value = "";
    if (!name) return;
    const text = `{{${name}}}`;
    if (this.last === this.editor && this.editor) {
      this.editor.insert(text);
      this.editor.focus();
    } else {
      this.last.setRangeText(text, this.last.selectionStart, this.last.selectionEnd, "end");
      this.last.focus();
    }
  }

  changed() {}
}
