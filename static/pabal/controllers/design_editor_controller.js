import { Controller } from "../../vendor/stimulus/stimulus.js";
import { korean } from "../designer/korean.js";

// GrapesJS with its MJML plugin over the textarea, which stays what the form sends. The source can be edited as text as well.
export default class extends Controller {
  static targets = ["canvas", "source", "unsaved", "fault"];
  static values = { state: Object };

  async connect() {
    if (!window.grapesjs || !window.matchMedia("(min-width: 992px)").matches) return;
    const { language, locale } = this.stateValue;
    const { default: messages } = await import(locale);
    this.build({ [language]: messages });
  }

  disconnect() {
    this.editor?.destroy();
  }

  build(messages) {
    const { blocks, assets, language, placeholder, words } = this.stateValue;
    this.editor = window.grapesjs.init({
      container: this.canvasTarget,
      height: "44rem",
      cssIcons: "", // its default is a font from elsewhere
      storageManager: false,
      noticeOnUnload: false,
      telemetry: false,
      components: this.sourceTarget.value,
      i18n: { locale: language, localeFallback: language, detectLocale: false, messages },
      plugins: [window["grapesjs-mjml"].default ?? window["grapesjs-mjml"]],
      pluginsOpts: {},
      blockManager: { appendOnClick: (block) => this.append(block) },
      assetManager: { assets, uploadFile: (event) => this.upload(event), dropzone: false, multiUpload: true, showUrlInput: true },
    });
    if (language === "ko") this.editor.I18n.addMessages({ ko: korean });
    const { Blocks } = this.editor;
    for (const block of [...Blocks.getAll().models]) Blocks.remove(block.getId());
    for (const { id, label, content, activate } of blocks) Blocks.add(id, { label, content, activate, media: icon(id) });
    this.panels(words);
    this.toolbar(words);
    this.editor.on("load", () => {
      this.saved = this.editor.getHtml();
      this.editor.on("update", () => this.changed());
      this.reachable();
    });
    this.placeholder = placeholder;
  }

  // A variable is put into a text where the cursor is.
  toolbar(words) {
    const options = this.stateValue.variables.map((name) => `<option value="{{${escaped(name)}}}">${escaped(name)}</option>`);
    this.editor.RichTextEditor.add("variable", {
      icon: `<select class="design-variable" aria-label="${escaped(words.variable)}"><option value="">{{ }}</option>${options.join("")}</select>`,
      event: "change",
      result: (rte, action) => {
        const select = action.btn.firstChild;
        if (select.value) rte.insertHTML(select.value);
        select.value = "";
      },
      attributes: { title: words.variable },
    });
  }

  // The icons of the default panels are a font; words do as well.
  panels(words) {
    const { Panels } = this.editor;
    const named = {
      "open-sm": words.style, "open-tm": words.settings, "open-layers": words.layers, "open-blocks": words.blocks,
      "sw-visibility": words.outline, undo: words.undo, redo: words.redo,
    };
    for (const panel of Panels.getPanels().models) {
      for (const button of [...panel.buttons.models]) {
        const id = button.get("id");
        const device = { desktop: words.desktop, mobile: words.mobile }[/desktop/i.test(id) ? "desktop" : /mobile/i.test(id) ? "mobile" : ""];
        const label = named[id] ?? device;
        if (label) button.set({ label, className: "design-button", attributes: { title: label } });
        else panel.buttons.remove(button);
      }
    }
    Panels.getButton("views", "open-blocks")?.set("active", true);
  }

  // A click puts a block below what is selected, else at the end: sections into the body, all others into a column.
  append(block) {
    const content = block.get("content");
    const selected = this.editor.getSelected();
    const up = (type) => (selected?.is(type) ? selected : selected?.closestType(type));
    const body = this.editor.getWrapper().findType("mj-body")[0];
    if (!body) return;
    const section = up("mj-section");
    const after = (one) => (one ? { at: one.index() + 1 } : {});
    let added;
    if (/^<mj-section/.test(content)) {
      added = (section?.parent() ?? body).append(content, after(section));
    } else {
      const column = up("mj-column") ?? section?.findType("mj-column")[0];
      const below = column && selected !== column && selected?.parent() === column ? selected : null;
      added = column
        ? column.append(content, after(below))
        : body.append(`<mj-section background-color="#ffffff" padding="0"><mj-column>${content}</mj-column></mj-section>`, after(section));
    }
    this.editor.select(added[0]);
    this.editor.Canvas.scrollTo?.(added[0]);
    if (block.get("activate")) added[0].trigger("active");
  }

  // Blocks are added by a click, and so by a key as well.
  reachable() {
    for (const block of this.canvasTarget.querySelectorAll(".gjs-block")) {
      block.tabIndex = 0;
      block.setAttribute("role", "button");
      block.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        block.click();
      });
    }
  }

  changed() {
    this.unsavedTarget.textContent = this.editor.getHtml() === this.saved ? "" : this.stateValue.words.unsaved;
  }

  apply() {
    const source = this.sourceTarget.value.trim();
    const isMjml = /^<mjml[\s>]/i.test(source) && /<\/mjml>$/i.test(source);
    this.faultTarget.textContent = isMjml ? "" : this.stateValue.words.unreadable;
    if (isMjml) this.editor.setComponents(source);
  }

  // What is typed as text and not shown yet wins over the canvas: the reader of the form is where it is seen.
  collect(event) {
    if (!this.editor || document.activeElement === this.sourceTarget) return;
    if (this.sourceTarget.value !== this.sourceTarget.defaultValue && this.editor.getHtml() === this.saved) return;
    this.sourceTarget.value = this.editor.getHtml();
    if (!event.submitter) event.preventDefault(); // Enter within the editor's own fields is no save
  }

  async upload(event) {
    const files = event.dataTransfer?.files ?? event.target.files;
    const body = new FormData();
    for (const file of files) body.append("files", file);
    const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
    const answer = await fetch(this.stateValue.upload, { method: "POST", body, headers: { "X-CSRFToken": token } });
    const { added, error } = await answer.json();
    if (added.length) this.editor.AssetManager.add(added);
    this.faultOf(error);
  }

  faultOf(error) {
    const modal = this.editor.Modal.getContentEl?.();
    let box = modal?.querySelector(".design-fault");
    if (!box && modal) {
      box = document.createElement("div");
      box.className = "design-fault";
      box.setAttribute("role", "alert");
      modal.prepend(box);
    }
    if (box) box.textContent = error ?? "";
  }
}

const escaped = (text) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

const SHAPES = {
  header: "M4 5h16v4H4zM4 12h10v2H4z",
  text: "M5 5h14v3h-5.5v11h-3V8H5z",
  image: "M3 5h18v14H3zM6 16l4-5 3 4 2-2 3 3zM16 10a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z",
  button: "M4 8h16v8H4zM8 11h8v2H8z",
  "columns-1": "M5 4h14v16H5z",
  "columns-2": "M4 4h7v16H4zM13 4h7v16h-7z",
  "columns-3": "M3 4h5v16H3zM9.5 4h5v16h-5zM16 4h5v16h-5z",
  divider: "M3 11h18v2H3z",
  spacer: "M3 4h18v2H3zM3 18h18v2H3zM11 8h2v8h-2z",
  "footer-ko": "M4 5h16v2H4zM4 15h16v4H4z",
  "footer-en": "M4 5h16v2H4zM4 15h16v4H4z",
  unsubscribe: "M4 6h16v12H4zM8 11h8v2H8z",
};

function icon(id) {
  const shape = SHAPES[id.replace("pabal-", "")];
  return `<svg viewBox="0 0 24 24" width="28" height="28" aria-hidden="true"><path fill="currentColor" fill-rule="evenodd" d="${shape}"/></svg>`;
}
