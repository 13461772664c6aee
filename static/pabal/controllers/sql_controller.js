import { Controller } from "../../vendor/stimulus/stimulus.js";

// Texts, quoted names and comments are left alone, as on the server (analytics.lake.sql).
const PARTS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|(\$\w*\$)[\s\S]*?\1|(?:(?<=[\s(,=<>+\-*/%|])|^):([A-Za-z_]\w*)/g;
const KEYWORDS = ["SELECT", "FROM", "WHERE", "GROUP BY ALL", "ORDER BY", "LIMIT", "count(*)", "count(DISTINCT )", "date_trunc('day', )", "WITH", "JOIN", "USING", "HAVING", "CASE WHEN", "QUALIFY", "DESC"];

// Ace over the query, which stays what the form sends; completion of tables and columns; a field for each :name; Ctrl-Enter runs.
export default class extends Controller {
  static targets = ["text", "values", "run"];
  static values = { words: Array, base: String, prefix: String };

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
    const offered = [
      ...this.wordsValue.map((value) => ({ value, meta: "Pabal", score: 2 })),
      ...KEYWORDS.map((value) => ({ value, meta: "SQL", score: 1 })),
    ];
    this.editor.setOptions({
      enableBasicAutocompletion: [{ getCompletions: (_editor, _session, _position, _prefix, done) => done(null, offered) }],
      enableLiveAutocompletion: true,
    });
    this.editor.commands.addCommand({ name: "run", bindKey: { win: "Ctrl-Enter", mac: "Command-Enter" }, exec: () => this.go() });
    // Tab leaves the editor: who has no mouse comes to the button.
    this.editor.commands.bindKey("Tab", null);
    this.editor.commands.bindKey("Shift-Tab", null);
  }

  disconnect() {
    this.editor?.destroy();
  }

  go() {
    this.runTarget.click();
  }

  // A field for each value that the query asks for; those that are there keep what was typed.
  ask() {
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
