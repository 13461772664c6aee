// A dimension of the document as a row {kind, name, operator, values, not}, and back.

export const NUMBERS = { eq: "EQUAL", gt: "GREATER_THAN", lt: "LESS_THAN", gte: "GREATER_THAN_OR_EQUAL", lte: "LESS_THAN_OR_EQUAL" };
export const DATES = { before: "BEFORE", after: "AFTER", on: "ON", between: "BETWEEN" };
export const SPANS = {
  today: "TODAY", withinLast: "WITHIN_LAST", moreThanAgo: "MORE_THAN_AGO", withinNext: "WITHIN_NEXT", moreThanAhead: "MORE_THAN_AHEAD",
  anniversary: "ANNIVERSARY",
};
const RELATIVE = { Attributes: "RelativeDates", UserAttributes: "UserRelativeDates" };
const PINPOINT = ["Demographic.AppVersion", "Demographic.Channel", "Demographic.DeviceType", "Demographic.Make", "Demographic.Model", "Demographic.Platform", "Location.Country"];

const keyOf = (table, value) => Object.keys(table).find((key) => table[key] === value);

// The dimension's criteria, each as a dimension of its own (without the negation of the whole).
export function split(dimension) {
  const parts = [];
  for (const kind of ["Attributes", "UserAttributes", "Metrics"]) {
    for (const [name, test] of Object.entries(dimension[kind] ?? {})) parts.push({ [kind]: { [name]: test } });
  }
  for (const kind of ["Demographic", "Location", "Behavior"]) {
    for (const [name, test] of Object.entries(dimension[kind] ?? {})) if (test) parts.push({ [kind]: { [name]: test } });
  }
  for (const [key, held] of Object.entries(dimension.Pabal ?? {})) {
    if (key === "Negate") continue;
    if (key === "Behavior") parts.push(...held.map((one) => ({ Pabal: { Behavior: [one] } })));
    else if (key === "Present") {
      for (const [kind, names] of Object.entries(held)) parts.push(...names.map((name) => ({ Pabal: { Present: { [kind]: [name] } } })));
    } else if ("Values" in held) parts.push({ Pabal: { [key]: held } });
    else parts.push(...Object.entries(held).map(([name, test]) => ({ Pabal: { [key]: { [name]: test } } })));
  }
  return parts;
}

// A dimension of one criterion as a row; a row of the kind "raw" keeps what the builder can't show.
export function read(dimension) {
  const not = dimension.Pabal?.Negate === true;
  const parts = split(dimension);
  const row = parts.length === 1 ? readPart(parts[0]) : null;
  if (!row) return { kind: "raw", name: "", operator: "", values: [dimension], not: false };
  if (row.operator === "isSet" && not) return { ...row, operator: "isEmpty", not: false };
  return { ...row, not };
}

function readPart(part) {
  const [[place, held]] = Object.entries(part.Pabal ?? part);
  if (place === "Behavior" && part.Pabal) return "Event" in held[0] ? readEvent(held[0]) : readBehaviour(held[0]);
  if (place === "Behavior") return { kind: "Recency", name: "Recency", operator: held.Recency?.RecencyType ?? "ACTIVE", values: [held.Recency?.Duration] };
  if (place === "Present") {
    const [[kind, [name]]] = Object.entries(held);
    return { kind, name, operator: "isSet", values: [] };
  }
  if ("Values" in held) return readSet(place === "UserId" ? "User.UserId" : place, held);
  const [[name, test]] = Object.entries(held);
  if (name === "GPSPoint") return { kind: "Near", name: "GPSPoint", operator: "within", values: [test.Coordinates?.Latitude, test.Coordinates?.Longitude, test.RangeInKilometers ?? 10] };
  if (place === "Demographic" || place === "Location") return readSet(`${place}.${name}`, test);
  if (place === "Metrics") return readNumber("Metrics", name, test);
  for (const kind of Object.keys(RELATIVE)) {
    if (place === `${kind}AsNumber`) return readNumber(kind, name, test);
    if (place === RELATIVE[kind]) return { kind, name, operator: keyOf(SPANS, test.Span) ?? "today", values: [test.Days ?? 0] };
  }
  if (!(place in RELATIVE)) return null;
  const operator = keyOf(DATES, test.AttributeType) ?? { EXCLUSIVE: "isNot", CONTAINS: "contains" }[test.AttributeType] ?? "is";
  return { kind: place, name, operator, values: test.Values };
}

function readSet(name, test) {
  return { kind: "Standard", name, operator: test.DimensionType === "EXCLUSIVE" ? "isNot" : "is", values: test.Values };
}

function readNumber(kind, name, test) {
  if (test.ComparisonOperator === "BETWEEN") return { kind, name, operator: "number-between", values: [test.Value, test.To] };
  return { kind, name, operator: `number-${keyOf(NUMBERS, test.ComparisonOperator) ?? "eq"}`, values: [test.Value] };
}

function readBehaviour(one) {
  const link = one.Treatment === undefined ? (one.Link ?? "") : `${one.Treatment}:${one.Link}`;
  return { kind: "Messages", name: "Messages", operator: one.Action, values: [one.CampaignId ?? "", link, one.Days ?? ""] };
}

function readEvent({ Event, AtLeast = 1, Days = "", Attributes = {}, Metrics = {} }) {
  const conditions = Object.entries(Attributes);
  if (Object.keys(Metrics).length || conditions.length > 1 || conditions.some(([, some]) => some.length !== 1)) return null;
  const [[name, [value]]] = conditions.length ? conditions : [["", [""]]];
  return { kind: "Events", name: "Events", operator: "did", values: [Event, AtLeast, Days, name, value] };
}

// A row as a dimension, or null while it is not complete.
export function write(row) {
  if (row.kind === "raw") return row.values[0];
  if (row.operator === "isEmpty") return negate(write({ ...row, operator: "isSet", not: false }), !row.not);
  const dimension = writePart(row);
  return dimension && row.not ? negate(dimension, true) : dimension;
}

function negate(dimension, isNegated) {
  return isNegated ? { ...dimension, Pabal: { ...dimension.Pabal, Negate: true } } : dimension;
}

function writePart({ kind, name, operator, values }) {
  if (operator === "isSet") return { Pabal: { Present: { [kind]: [name] } } };
  if (kind === "Recency") return { Behavior: { Recency: { Duration: values[0], RecencyType: operator } } };
  if (kind === "Messages") return writeBehaviour(operator, values);
  if (kind === "Events") return writeEvent(values);
  if (kind === "Near") {
    if (values.some((value) => !isNumber(value))) return null;
    const [latitude, longitude, distance] = values.map(Number);
    return { Location: { GPSPoint: { Coordinates: { Latitude: latitude, Longitude: longitude }, RangeInKilometers: distance } } };
  }
  if (operator in SPANS) {
    const span = { Span: SPANS[operator] };
    if (operator !== "today" && !isNumber(values[0])) return null;
    if (operator !== "today") span.Days = Number(values[0]);
    return { Pabal: { [RELATIVE[kind]]: { [name]: span } } };
  }
  if (!values.length || values.some((value) => value === "" || value === null)) return null;
  if (operator in DATES) return { [kind]: { [name]: { AttributeType: DATES[operator], Values: values } } };
  if (operator.startsWith("number-")) return writeNumber(kind, name, operator.slice(7), values);
  if (kind === "Standard") return writeSet(name, { DimensionType: operator === "isNot" ? "EXCLUSIVE" : "INCLUSIVE", Values: values });
  return { [kind]: { [name]: { AttributeType: { is: "INCLUSIVE", isNot: "EXCLUSIVE", contains: "CONTAINS" }[operator], Values: values } } };
}

function writeNumber(kind, name, comparison, values) {
  if (values.some((value) => !isNumber(value))) return null;
  const numbers = values.map(Number);
  const isRange = comparison === "between";
  const test = isRange ? { ComparisonOperator: "BETWEEN", Value: numbers[0], To: numbers[1] } : { ComparisonOperator: NUMBERS[comparison], Value: numbers[0] };
  if (kind === "Metrics") return isRange ? { Pabal: { Metrics: { [name]: test } } } : { Metrics: { [name]: test } };
  return { Pabal: { [`${kind}AsNumber`]: { [name]: test } } };
}

function writeSet(path, test) {
  const [place, name] = path.split(".");
  if (place !== "Demographic" && place !== "Location") return { Pabal: { [name ?? place]: test } };
  return PINPOINT.includes(path) ? { [place]: { [name]: test } } : { Pabal: { [place]: { [name]: test } } };
}

function writeBehaviour(action, [campaign, link, days]) {
  const one = { Action: action };
  if (campaign) one.CampaignId = campaign;
  if (campaign && action === "CLICKED" && link !== "") {
    const [number, treatment] = String(link).split(":").reverse();
    one.Link = Number(number);
    if (treatment !== undefined) one.Treatment = Number(treatment);
  }
  if (days !== "") one.Days = Number(days);
  return { Pabal: { Behavior: [one] } };
}

function writeEvent([event, times, days, name, value]) {
  if (!event || (name === "") !== (value === "")) return null;
  const one = { Event: event };
  if (times !== "" && Number(times) !== 1) one.AtLeast = Number(times);
  if (days !== "") one.Days = Number(days);
  if (name !== "") one.Attributes = { [name]: [value] };
  return { Pabal: { Behavior: [one] } };
}

function isNumber(value) {
  return value !== "" && value !== null && value !== undefined && Number.isFinite(Number(value));
}
