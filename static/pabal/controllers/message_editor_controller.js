import { Controller } from "../../vendor/stimulus/stimulus.js";

const holds = (text, keys) => [...keys].reduce((at, key) => (at < 0 ? at : text.indexOf(key, at) + 1 || -1), 0) >= 0;

// In place of all that was typed of a variable. The list may be some keys behind: what was chosen of it must fit what was typed since,
// or else the first variable that does is meant.
function insertMatch(editor, { value, values }) {
  const { row, column } = editor.getCursorPosition();
  const [typed] = editor.session.getLine(row).slice(0, column).match(/\{[\w.{#]*$/) ?? [""];
  const fits = (one) => holds(one.toLowerCase(), typed.toLowerCase());
  const meant = fits(value) ? value : values.find(fits);
  if (!meant) return;
  const start = { row, column: column - typed.length };
  editor.session.replace({ start, end: { row, column } }, meant);
  selectArgument(editor, start, meant);
}

// The first place of a helper where a variable goes: what is typed next stands there.
function selectArgument(editor, { row, column }, text) {
  const [, before, argument] = text.match(/^(\{\{#?\w+ )([vabd])\b/) ?? [];
  if (!argument) return;
  const from = column + before.length;
  editor.selection.setRange({ start: { row, column: from }, end: { row, column: from + 1 } });
}

const CHECK_AFTER = 500; // milliseconds without a key

// Ace over the HTML field, which stays what the form sends; completion of variables and helpers there, what is wrong with it at its
// line, and a picker for the other fields.
export default class extends Controller {
  static targets = ["field", "picker", "helper"];
  static values = { names: Array, helpers: Array, base: String, check: String };

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
    const variables = this.namesValue.map((name) => `{{${name}}}`);
    const values = [...variables, ...this.helpersValue.map(([usage]) => usage)];
    const completer = { insertMatch };
    const offered = [
      ...variables.map((value) => ({ value, values, meta: "Pabal", score: 2, completer })),
      ...this.helpersValue.map(([value, about]) => ({ value, values, meta: about, score: 1, completer })),
    ];
    this.editor.setOptions({ enableBasicAutocompletion: [{
      identifierRegexps: [/[\w.{#]/],
      getCompletions: (_editor, _session, _position, _prefix, done) => done(null, offered),
    }], enableLiveAutocompletion: false });
    this.fault = document.createElement("div");
    this.fault.className = "text-danger mt-1";
    this.fault.setAttribute("aria-live", "polite");
    box.after(this.fault);
    this.editor.session.on("change", () => this.checkSoon());
    this.editor.commands.on("afterExec", ({ command, args }) => {
      if (command.name === "insertstring" && args === "{") this.editor.execCommand("startAutocomplete");
    });
  }

  disconnect() {
    clearTimeout(this.timer);
    this.editor?.destroy();
  }

  checkSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), CHECK_AFTER);
  }

  // Of two answers the one to the newest text counts.
  async check() {
    if (!this.checkValue) return;
    const html = this.editor.getValue();
    const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
    const answer = await fetch(this.checkValue, { method: "POST", body: new URLSearchParams({ html }), headers: { "X-CSRFToken": token } })
      .catch(() => null);
    if (!answer?.ok || html !== this.editor.getValue()) return;
    const { errors } = await answer.json();
    this.editor.session.setAnnotations(errors.map((one) => ({ ...one, type: "error" })));
    this.fault.textContent = errors.map(({ text }) => text).join(" ");
  }

  find({ target }) {
    const wanted = target.value.trim().toLowerCase();
    for (const line of this.helperTargets) line.classList.toggle("d-none", !line.textContent.toLowerCase().includes(wanted));
  }

  insertHelper({ params }) {
    this.put(params.usage);
  }

  insert() {
    const name = this.pickerTarget.value;
    this.pickerTarget.value = "";
    if (name) this.put(`{{${name}}}`);
  }

  put(text) {
    if (this.last === this.editor && this.editor) {
      const start = this.editor.selection.getRange().start;
      this.editor.insert(text);
      selectArgument(this.editor, start, text);
      this.editor.focus();
    } else {
      this.last.setRangeText(text, this.last.selectionStart, this.last.selectionEnd, "end");
      this.last.focus();
    }
  }

  changed() {}
}
