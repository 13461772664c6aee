import { Controller } from "../../vendor/stimulus/stimulus.js";

// In place of all that was typed of a variable: the list may be a few keys behind.
function insertMatch(editor, { value }) {
  const { row, column } = editor.getCursorPosition();
  const [typed] = editor.session.getLine(row).slice(0, column).match(/\{[\w.{]*$/) ?? [""];
  editor.session.replace({ start: { row, column: column - typed.length }, end: { row, column } }, value);
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
    const names = this.namesValue;
    this.editor.setOptions({ enableBasicAutocompletion: [{
      identifierRegexps: [/[\w.{]/],
      getCompletions: (_editor, _session, _position, _prefix, done) =>
        done(null, names.map((name) => ({ value: `{{${name}}}`, meta: "Pabal", completer: { insertMatch } }))),
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
