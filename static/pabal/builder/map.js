// A map of the world on which a click sets a point; the distance around it is drawn. Numbers beside it do the same without a mouse.

import { outlines } from "../world.js";

let loading;

function script(source) {
  return new Promise((done, failed) => {
    const made = document.createElement("script");
    made.src = source;
    made.addEventListener("load", done);
    made.addEventListener("error", failed);
    document.head.append(made);
  });
}

function load(urls) {
  loading ??= Promise.all([script(urls.echarts), script(urls.topojson), fetch(urls.world).then((answer) => answer.json())]).then(([, , world]) => {
    window.echarts.registerMap("world", outlines(world));
  });
  return loading;
}

const radians = (degrees) => (degrees * Math.PI) / 180;
const degrees = (angle) => (angle * 180) / Math.PI;

// The points of the circle around a point, 5 degrees of bearing apart.
function circle([longitude, latitude], kilometres) {
  const angle = kilometres / 6371.0088;
  const points = [];
  for (let bearing = 0; bearing <= 360; bearing += 5) {
    const north = Math.asin(Math.sin(radians(latitude)) * Math.cos(angle) + Math.cos(radians(latitude)) * Math.sin(angle) * Math.cos(radians(bearing)));
    const east = Math.atan2(
      Math.sin(radians(bearing)) * Math.sin(angle) * Math.cos(radians(latitude)),
      Math.cos(angle) - Math.sin(radians(latitude)) * Math.sin(north),
    );
    points.push([longitude + degrees(east), degrees(north)]);
  }
  return points;
}

// Draws into a box; `picked(latitude, longitude)` is called on a click. Gives a function that shows another point.
export async function drawMap(box, urls, picked) {
  await load(urls);
  if (!box.isConnected) return () => {};
  const chart = window.echarts.init(box, null, { renderer: "canvas" });
  chart.setOption({
    animation: false,
    tooltip: { show: false, renderMode: "richText" },
    geo: { map: "world", roam: true, scaleLimit: { min: 1, max: 60 }, silent: true, itemStyle: { areaColor: "#eef2f7", borderColor: "#b8c2cf" } },
  });
  chart.getZr().on("click", (event) => {
    const [longitude, latitude] = chart.convertFromPixel("geo", [event.offsetX, event.offsetY]) ?? [];
    if (Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180) picked(Math.round(latitude * 100) / 100, Math.round(longitude * 100) / 100);
  });
  new ResizeObserver(() => chart.resize()).observe(box);
  let centred = false;
  return (latitude, longitude, kilometres) => {
    const point = [longitude, latitude];
    const geo = centred ? {} : { center: point, zoom: Math.min(40, Math.max(1, 9000 / Math.max(kilometres, 1) / 4)) };
    centred = true;
    chart.setOption({
      geo,
      series: [
        { id: "around", type: "lines", coordinateSystem: "geo", polyline: true, silent: true, lineStyle: { color: "#1f5fbf", width: 2, opacity: 1 }, data: [{ coords: circle(point, kilometres) }] },
        { id: "point", type: "scatter", coordinateSystem: "geo", silent: true, symbolSize: 9, itemStyle: { color: "#1f5fbf" }, data: [point] },
      ],
    });
  };
}
