// Wall times of a zone and the instants that they are.

// The instant (ISO, UTC) at which the clock of a zone shows a wall time "2026-03-01T00:00".
export function instantOf(wall, zone) {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
  });
  const shown = (instant) => {
    const part = Object.fromEntries(format.formatToParts(instant).map((piece) => [piece.type, piece.value]));
    return Date.parse(`${part.year}-${part.month}-${part.day}T${part.hour}:${part.minute}:00Z`);
  };
  const target = Date.parse(`${wall}:00Z`);
  let guess = target;
  for (let round = 0; round < 3; round += 1) guess += target - shown(guess);
  return new Date(guess).toISOString().replace(".000Z", "Z");
}

export function wallOf(instant, zone) {
  const moment = new Date(instant);
  if (Number.isNaN(moment.getTime())) return "";
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  return format.format(moment).replace(" ", "T");
}
