// Draws a chart beside its table: <figure data-controller="chart"> with the numbers as JSON. Without a script the table is all there is.
import { Controller } from "../../vendor/stimulus/stimulus.js";

const percent = (value) => `${(100 * value).toFixed(1)} %`;
const plain = new Intl.NumberFormat(document.documentElement.lang);

export default class extends Controller {
  static targets = ["box", "table", "actions"];
  static values = { name: String };

  connect() {
    this.actionsTarget.hidden = false;
    if (!this.hasBoxTarget || !window.echarts) return;
    const data = JSON.parse(this.element.querySelector('script[type="application/json"]').textContent);
    this.chart = window.echarts.init(this.boxTarget, null, { renderer: "canvas" });
    this.chart.setOption({ animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily }, ...option(data) });
    this.observer = new ResizeObserver(() => this.chart.resize());
    this.observer.observe(this.boxTarget);
  }

  disconnect() {
    this.observer?.disconnect();
    this.chart?.dispose();
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

function option(data) {
  if (data.kind === "pie") return pie(data);
  return data.kind === "heat" ? heat(data) : axes(data);
}

function pie({ labels, series }) {
  const parts = labels.map((name, number) => ({ name, value: series[0].values[number] })).filter((part) => part.value > 0);
  return {
    legend: { type: "scroll", bottom: 0 },
    tooltip: { confine: true, valueFormatter: (value) => plain.format(value) },
    series: [{ type: "pie", radius: ["40%", "70%"], center: ["50%", "45%"], data: parts, label: { formatter: "{d} %" } }],
  };
}

function axes({ kind, labels, series }) {
  const isStacked = kind === "stacked";
  const least = Math.min(0, ...series.flatMap((one) => one.values.filter((value) => value !== null)));
  const isRate = series.every((one) => one.isRate);
  const shown = (value) => (value === null || value === undefined ? "–" : isRate ? percent(value) : plain.format(value));
  return {
    grid: { left: 8, right: kind === "line" ? 36 : 16, top: series.length > 1 ? 40 : 16, bottom: 8, containLabel: true },
    legend: { show: series.length > 1, type: "scroll", top: 0 },
    tooltip: { trigger: "axis", confine: true, valueFormatter: shown },
    xAxis: { type: "category", data: labels, boundaryGap: kind !== "line", axisLabel: labels.length <= 8 ? { interval: 0, overflow: "break", width: 90 } : {} },
    yAxis: { type: "value", min: least < 0 ? null : 0, axisLabel: { formatter: shown } },
    series: series.map((one) => ({ type: isStacked ? "bar" : kind, stack: isStacked ? "all" : null, name: one.name, data: one.values, showSymbol: labels.length < 2, barMaxWidth: 48 })),
  };
}

function heat({ labels, series }) {
  const cells = series.flatMap((one, row) => one.values.map((value, column) => [column, row, value])).filter((cell) => cell[2] !== null);
  const isRate = series.every((one) => one.isRate);
  const most = isRate ? 1 : Math.max(1, ...cells.map((cell) => cell[2]));
  const shown = (value) => (isRate ? percent(value) : plain.format(value));
  return {
    grid: { left: 8, right: 16, top: 8, bottom: 48, containLabel: true },
    tooltip: { confine: true, formatter: ({ value }) => `${series[value[1]].name.replaceAll("<", "&lt;")} · ${labels[value[0]]}: ${shown(value[2])}` },
    xAxis: { type: "category", data: labels, splitArea: { show: true } },
    yAxis: { type: "category", data: series.map((one) => one.name), inverse: true, splitArea: { show: true } },
    visualMap: { min: 0, max: most, calculable: false, orient: "horizontal", left: "center", bottom: 0, formatter: shown, inRange: { color: ["#eef4fb", "#206bc4"] } },
    series: [{ type: "heatmap", data: cells, label: { show: isRate, formatter: ({ value }) => percent(value[2]) } }],
  };
}
