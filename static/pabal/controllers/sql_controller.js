import { Controller } from "../../vendor/stimulus/stimulus.js";
import { offers } from "./sql_words.js";

// Texts, quoted names and comments are left alone, as on the server (analytics.lake.sql).
const PARTS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|(\$\w*\$)[\s\S]*?\1|(?:(?<=[\s(,=<>+\-*/%|])|^):([A-Za-z_]\w*)/g;

// Ace over the query, which stays what the form sends; completion of tables and columns; a field for each :name; Ctrl-Enter runs.
export default class extends Controller {
  static targets = ["text", "values", "run"];
  static values = { tables: Array, base: String, prefix: String };

  connect() {
    this.textTarget.addEventListener("input", () => this.ask());
    this.textTarget.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.go();
    });
    if (window.ace && !this.textTarget.readOnly) this.edit(this.textTarget);
  }

  edit(field) {
    const { ace } = window;
    ace.config.set("basePath", this.baseValue);
    ace.config.set("useStrictCSP", true);
    ace.config.set("loadWorkerFromBlob", false);
    const box = document.createElement("div");
    box.className = "editor sql-editor";
    field.after(box);
    field.hidden = true;
    this.editor = ace.edit(box, { mode: "ace/mode/pgsql", useWorker: false, wrap: true, showPrintMargin: false, fontSize: 13 });
    this.editor.setValue(field.value, -1);
    this.editor.textInput.getElement().setAttribute("aria-label", field.labels[0].textContent);
    this.editor.session.on("change", () => {
      field.value = this.editor.getValue();
      this.ask();
    });
    const completer = {
      triggerCharacters: ["."],
      getCompletions: (_editor, session, { row, column }, _prefix, done) => {
        const before = session.getTextRange({ start: { row: 0, column: 0 }, end: { row, column } });
        done(null, offers(session.getValue(), before, this.tablesValue));
      },
    };
    this.editor.setOptions({ enableBasicAutocompletion: [completer], enableLiveAutocompletion: true });
    this.editor.commands.addCommand({ name: "run", bindKey: { win: "Ctrl-Enter", mac: "Command-Enter" }, exec: () => this.go() });
    // Tab leaves the editor: who has no mouse comes to the button.
    this.editor.commands.bindKey("Tab", null);
    this.editor.commands.bindKey("Shift-Tab", null);
  }

  disconnect() {
    this.editor?.destroy();
  }

  go() {
    if (this.hasRunTarget) this.runTarget.click();
  }

  // A field for each value that the query asks for; those that are there keep what was typed.
  ask() {
    if (!this.hasValuesTarget) return;
    const names = [...new Set([...this.textTarget.value.matchAll(PARTS)].map((found) => found[2]).filter(Boolean))];
    const there = new Map([...this.valuesTarget.querySelectorAll("input")].map((input) => [input.name, input.parentElement]));
    const fields = names.map((name) => there.get(this.prefixValue + name) ?? this.field(name));
    this.valuesTarget.replaceChildren(...fields);
  }

  field(name) {
    const column = document.createElement("div");
    column.className = "col-sm-6 col-md-4";
    const label = document.createElement("label");
    label.className = "form-label";
    label.textContent = name;
    label.htmlFor = `value-${name}`;
    const input = document.createElement("input");
    input.className = "form-control";
    input.id = label.htmlFor;
    input.name = this.prefixValue + name;
    column.append(label, input);
    return column;
  }
}
