// The countries as ECharts draws them. Rings that cross the 180th meridian go on beyond it: else they would be drawn around the world.

function unwound(ring) {
  let turn = 0;
  return ring.map(([longitude, latitude], at) => {
    const step = at ? longitude - ring[at - 1][0] : 0;
    if (Math.abs(step) > 180) turn -= Math.sign(step) * 360;
    return [longitude + turn, latitude];
  });
}

// Those of Russia and Fiji that begin in the west of it, too, are put east of it, where the rest of the country is.
function eastward(polygon, isSplit) {
  const rings = polygon.map(unwound);
  const isWest = isSplit && rings[0].every(([longitude]) => longitude < -160);
  return isWest ? rings.map((ring) => ring.map(([longitude, latitude]) => [longitude + 360, latitude])) : rings;
}

export function outlines(atlas) {
  const countries = window.topojson.feature(atlas, atlas.objects.countries);
  for (const { geometry } of countries.features) {
    const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
    const isSplit = polygons.some(([ring]) => ring.some(([longitude]) => longitude > 170));
    geometry.type = "MultiPolygon";
    geometry.coordinates = polygons.map((polygon) => eastward(polygon, isSplit));
  }
  return countries;
}
