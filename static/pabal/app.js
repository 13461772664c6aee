import { Application } from "../vendor/stimulus/stimulus.js";
import MessageEditorController from "./controllers/message_editor_controller.js";
import RevealController from "./controllers/reveal_controller.js";

const application = Application.start();
application.register("message-editor", MessageEditorController);
application.register("reveal", RevealController);

// Controllers of other rooms are loaded when a page asks for them.
const later = {
  age: "./controllers/age_controller.js",
  calendar: "./controllers/calendar_controller.js",
  chart: "./controllers/chart_controller.js",
  copy: "./controllers/copy_controller.js",
  "design-editor": "./controllers/design_editor_controller.js",
  live: "./controllers/live_controller.js",
  length: "./controllers/length_controller.js",
  numbers: "./controllers/numbers_controller.js",
  rows: "./controllers/rows_controller.js",
  "segment-builder": "./controllers/segment_builder_controller.js",
  shares: "./controllers/shares_controller.js",
  sql: "./controllers/sql_controller.js",
  tiles: "./controllers/tiles_controller.js",
};
function load() {
  for (const [name, path] of Object.entries(later)) {
    if (document.querySelector(`[data-controller~="${name}"]`)) {
      delete later[name];
      import(path).then((module) => application.register(name, module.default));
    }
  }
}
load();
document.addEventListener("htmx:afterSettle", load); // a part of a page may bring others
document.addEventListener("htmx:afterSwap", load);
document.addEventListener("live:renewed", load);
