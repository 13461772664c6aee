// Draws a chart beside its table: <figure data-controller="chart"> with the numbers as JSON. Without a script the table is all there is.
import { Controller } from "../../vendor/stimulus/stimulus.js";
import { outlines } from "../world.js";

const percent = (value) => `${(100 * value).toFixed(1)} %`;
const COLORS = ["#1f5fbf", "#d9730d", "#2f8f4e", "#8a4bbf", "#a83254", "#0f8f9c", "#b58105", "#5b6b84", "#b9c1cd"];
const TOOLTIP = { confine: true, renderMode: "richText" }; // drawn: one made of HTML has styles in it, which the page's policy forbids
const plain = new Intl.NumberFormat(document.documentElement.lang);

export default class extends Controller {
  static targets = ["box", "table", "actions"];
  static values = { name: String, points: String, world: String };

  // What the page says of it now.
  read() {
    this.told = JSON.parse(this.element.querySelector('script[type="application/json"]').textContent);
    return this.told;
  }

  async connect() {
    this.actionsTarget.hidden = false;
    if (!this.hasBoxTarget || !window.echarts) return;
    const data = this.read();
    this.element.addEventListener("chart:renew", () => this.renew());
    if (data.kind === "map") await loadWorld(this.worldValue);
    if (!this.element.isConnected) return;
    if (data.kind === "ranks") this.boxTarget.style.height = `${Math.max(120, 56 + 28 * data.labels.length)}px`;
    await measured(JSON.stringify([data.labels, data.series.map((one) => one.name)]));
    if (!this.element.isConnected) return;
    this.chart = window.echarts.init(this.boxTarget, null, { renderer: "canvas" });
    this.chart.setOption({ animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily }, ...option(data) });
    if (this.pointsValue) this.listen();
    this.observer = new ResizeObserver(() => this.chart.resize());
    this.observer.observe(this.boxTarget);
  }

  // Its numbers are other ones, and so is its JSON; what somebody left out of the picture stays out.
  renew() {
    const data = this.read();
    if (!this.chart) return;
    const { legend, ...rest } = option(data);
    this.chart.setOption({ ...rest, ...(legend && { legend: { ...legend, selected: this.chart.getOption().legend?.[0]?.selected } }) }, { replaceMerge: ["series", "xAxis", "yAxis"] });
  }

  disconnect() {
    this.observer?.disconnect();
    this.chart?.dispose();
  }

  // A point leads to the page where a segment is made of it; where nothing lies upon another it is the nearest.
  listen() {
    const zr = this.chart.getZr();
    if (this.told.kind === "map") {
      this.chart.on("click", ({ data }) => data && this.visit(0, data.label));
    } else if (this.told.kind === "heat") {
      this.chart.on("click", ({ value }) => this.visit(value[1], value[0]));
    } else if (this.told.kind !== "line" && this.told.series.length > 1) {
      this.chart.on("click", ({ seriesIndex, dataIndex }) => this.visit(seriesIndex, dataIndex));
    } else {
      zr.on("mousemove", (event) => zr.setCursorStyle(this.chart.containPixel("grid", [event.offsetX, event.offsetY]) ? "pointer" : "default"));
      zr.on("click", (event) => this.visit(...this.nearest([event.offsetX, event.offsetY])));
    }
  }

  nearest(pixel) {
    if (!this.chart.containPixel("grid", pixel)) return [];
    const [x, y] = this.chart.convertFromPixel({ gridIndex: 0 }, pixel);
    if (this.told.kind === "ranks") return [0, Math.round(y)];
    const label = Math.round(x);
    const shown = this.chart.getOption().legend[0].selected;
    const distance = (row) => Math.abs(this.chart.convertToPixel({ seriesIndex: row }, [label, this.told.series[row].values[label]])[1] - pixel[1]);
    const rows = this.told.series.map((_one, row) => row).filter((row) => this.told.series[row].values[label] && shown[this.told.series[row].name] !== false);
    return [rows.sort((one, other) => distance(one) - distance(other))[0], label];
  }

  visit(row, label) {
    const series = this.told.series[row];
    if (!series?.key || !series.values[label] || this.told.labelKeys[label] === null) return;
    window.location.assign(`${this.pointsValue}&${new URLSearchParams({ series: series.key, label: this.told.labelKeys[label] })}`);
  }

  csv() {
    const lines = [...this.tableTarget.rows].map((row) => [...row.cells].map((cell) => quoted(cell.textContent.trim())).join(","));
    this.save(URL.createObjectURL(new Blob([`\ufeff${lines.join("\r\n")}\r\n`], { type: "text/csv" })), "csv");
  }

  png() {
    if (this.chart) this.save(this.chart.getDataURL({ pixelRatio: 2, backgroundColor: "#fff" }), "png");
  }

  save(url, ending) {
    const link = document.createElement("a");
    link.href = url;
    link.download = `${this.nameValue}.${ending}`;
    link.click();
  }
}

// A cell that a spreadsheet would take for a formula is a text.
function quoted(text) {
  const safe = /^[=+@\t\r]|^-[^\d–]/.test(text) ? `'${text}` : text.replace(/^-?\d{1,3}(,\d{3})+(\.\d+)?$/, (number) => number.replaceAll(",", ""));
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// ECharts measures an axis's names by the machine's own font, and takes every wide letter to be as wide as 国, which a machine without
// Chinese or Japanese letters draws as a narrow box: what is measured is 한 in the page's font, which must be there before.
let pen;

async function measured(text) {
  const { fontFamily } = getComputedStyle(document.body);
  if (!pen) {
    pen = document.createElement("canvas").getContext("2d");
    window.echarts.setPlatformAPI({
      measureText(letters, font = "12px sans-serif") {
        pen.font = font.replace(/px sans-serif$/, `px ${fontFamily}`);
        return pen.measureText(letters === "国" ? "한" : letters);
      },
    });
  }
  await document.fonts.load(`12px ${fontFamily}`, `한${text}`).catch(() => undefined); // without it the machine's own is drawn
}

// The outlines of the countries, once for all pictures of the page; a country's name is its number, or what the map calls it.
let world;

function loadWorld(url) {
  world ??= fetch(url).then((answer) => answer.json()).then((atlas) => {
    const countries = outlines(atlas);
    const shown = countries.features.filter(({ id }) => id !== "010"); // Antarctica takes a quarter of the picture
    for (const one of shown) one.properties = { name: one.id ?? one.properties.name };
    window.echarts.registerMap("countries", { ...countries, features: shown });
  });
  return world;
}

function option(data) {
  if (data.kind === "pie") return pie(data);
  const kinds = { heat, ranks, map };
  return (kinds[data.kind] ?? axes)(data);
}

function pie({ labels, series }) {
  const parts = labels.map((name, number) => ({ name, value: series[0].values[number] })).filter((part) => part.value > 0);
  return {
    legend: { type: "scroll", bottom: 0 },
    color: COLORS,
    tooltip: { ...TOOLTIP, valueFormatter: (value) => plain.format(value) },
    series: [{ type: "pie", radius: ["40%", "70%"], center: ["50%", "45%"], data: parts, label: { formatter: "{d} %" } }],
  };
}

function axes({ kind, labels, series }) {
  const isBar = kind !== "line";
  const least = Math.min(0, ...series.flatMap((one) => one.values.filter((value) => value !== null)));
  const isRate = series.every((one) => one.isRate);
  const shown = (value) => (value === null || value === undefined ? "–" : isRate ? percent(value) : plain.format(value));
  return {
    grid: { left: kind === "line" ? 28 : 8, right: kind === "line" ? 36 : 16, top: series.length > 1 ? 40 : 16, bottom: 8, containLabel: true },
    legend: { show: series.length > 1, type: "scroll", top: 0 },
    color: COLORS,
    tooltip: { ...TOOLTIP, trigger: "axis", valueFormatter: shown },
    xAxis: { type: "category", data: labels, boundaryGap: isBar, axisLabel: names(labels) },
    yAxis: { type: "value", min: least < 0 ? null : 0, axisLabel: { formatter: shown } },
    series: series.map((one) => ({
      type: isBar ? "bar" : "line", stack: kind === "stacked" ? "all" : null, name: one.name, data: one.values, showSymbol: labels.length < 2, barMaxWidth: 48,
    })),
  };
}

// Few names stand side by side, or aslant where the window is narrow; of many some are left out.
function names(labels) {
  if (labels.length > 8) return { hideOverlap: true };
  const isNarrow = Math.min(window.innerWidth - 60, 1100) / labels.length < 75;
  return isNarrow ? { interval: 0, rotate: 40, overflow: "truncate", width: 100 } : { interval: 0, overflow: "break", width: 90 };
}

function ranks({ labels, series: [one] }) {
  const width = Math.min(220, Math.max(90, window.innerWidth / 4));
  return {
    grid: { left: 8, right: 40, top: 8, bottom: 8, containLabel: true },
    tooltip: { ...TOOLTIP, trigger: "axis", valueFormatter: (value) => plain.format(value) },
    xAxis: { type: "value", axisLabel: { formatter: (value) => plain.format(value), hideOverlap: true } },
    yAxis: { type: "category", data: labels, inverse: true, axisLabel: { interval: 0, width, overflow: "truncate" } },
    color: COLORS,
    series: [{ type: "bar", name: one.name, data: one.values, barMaxWidth: 24 }],
  };
}

function map({ labels, places, series: [one] }) {
  const data = labels.map((_label, number) => ({ name: places[number], label: number, value: one.values[number] })).filter(({ name }) => name);
  const most = Math.max(1, ...data.map(({ value }) => value));
  return {
    tooltip: { ...TOOLTIP, formatter: ({ data: country }) => (country ? `${labels[country.label]}: ${plain.format(country.value)}` : "") },
    visualMap: { min: 0, max: most, calculable: false, orient: "horizontal", left: 8, bottom: 8, text: [plain.format(most), "0"], inRange: { color: ["#cfe0f5", "#1f5fbf"] } },
    series: [{
      type: "map", map: "countries", name: one.name, data, selectedMode: false, roam: false, left: 8, right: 8, top: 8, aspectScale: 0.85,
      label: { show: false }, itemStyle: { areaColor: "#eef1f5", borderColor: "#b8c2cf", borderWidth: 0.5 }, emphasis: { label: { show: false }, itemStyle: { areaColor: "#d9730d" } },
    }],
  };
}

function heat({ labels, series }) {
  const cells = series.flatMap((one, row) => one.values.map((value, column) => [column, row, value])).filter((cell) => cell[2] !== null);
  const isRate = series.every((one) => one.isRate);
  const most = isRate ? 1 : Math.max(1, ...cells.map((cell) => cell[2]));
  const shown = (value) => (isRate ? percent(value) : plain.format(value));
  return {
    grid: { left: 8, right: 16, top: 8, bottom: 48, containLabel: true },
    tooltip: { ...TOOLTIP, formatter: ({ value }) => `${series[value[1]].name} · ${labels[value[0]]}: ${shown(value[2])}` },
    xAxis: { type: "category", data: labels, splitArea: { show: true } },
    yAxis: { type: "category", data: series.map((one) => one.name), inverse: true, splitArea: { show: true } },
    visualMap: { min: 0, max: most, calculable: false, orient: "horizontal", left: "center", bottom: 0, formatter: shown, inRange: { color: ["#eef4fb", "#206bc4"] } },
    series: [{ type: "heatmap", data: cells, label: { show: isRate, formatter: ({ value }) => percent(value[2]) } }],
  };
}
