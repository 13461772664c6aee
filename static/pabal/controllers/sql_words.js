// What the SQL editor offers: tables, columns of the tables that the query names (by alias, too), WITH's names, functions and keywords.

const KEYWORDS = [
  "SELECT", "FROM", "WHERE", "GROUP BY", "GROUP BY ALL", "ORDER BY", "LIMIT", "WITH", "AS", "JOIN", "LEFT JOIN", "USING", "ON", "HAVING",
  "CASE WHEN", "THEN", "ELSE", "END", "QUALIFY", "UNION ALL", "DISTINCT", "DESC", "BETWEEN", "IN", "LIKE", "IS NULL", "IS NOT NULL", "FILTER (WHERE )",
];
const FUNCTIONS = [
  "count(*)", "count(DISTINCT )", "sum()", "avg()", "min()", "max()", "median()", "any_value()", "string_agg(, ',')", "list()",
  "date_trunc('day', )", "date_trunc('hour', )", "date_diff('hour', , )", "strftime(, '%Y-%m-%d')", "now()", "current_date", "extract(hour FROM )",
  "coalesce(, )", "lower()", "upper()", "split_part(, '@', 2)", "regexp_matches(, '')", "starts_with(, '')", "round(, 2)", "nullif(, 0)",
  "row_number() OVER (PARTITION BY  ORDER BY )", "lag() OVER (PARTITION BY  ORDER BY )", "map_keys()", "try_cast( AS )",
];
const NAME = String.raw`(?:"(?:[^"]|"")*"|[A-Za-z_]\w*)`;
const SOURCE = new RegExp(String.raw`\b(?:from|join)\s+(${NAME})(?:\s+(?:as\s+)?(${NAME}))?((?:\s*,\s*${NAME}(?:\s+(?:as\s+)?${NAME})?)*)`, "gi");
const LISTED = new RegExp(String.raw`(${NAME})(?:\s+(?:as\s+)?(${NAME}))?`, "gi");
const MADE = new RegExp(String.raw`(?:\bwith|,)\s+(?:recursive\s+)?(${NAME})\s+as\s*(?:materialized\s*)?\(`, "gi");
const QUALIFIED = new RegExp(String.raw`(${NAME})\.\s*\w*$`);
const NO_ALIAS = /^(where|join|left|right|full|inner|cross|on|using|group|order|limit|having|qualify|union|window|asof|natural|select|positional|semi|anti|set)$/i;

const bare = (name) => (name?.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name)?.toLowerCase();

const SILENT = /'(?:[^']|'')*'?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g; // texts and comments

// The query without them, of the same length.
const blank = (sql) => sql.replace(SILENT, (part) => " ".repeat(part.length));

// Whether the end of a part of a query stands in a text or a comment.
function isSilent(before) {
  const last = [...before.matchAll(SILENT)].at(-1);
  if (!last || last.index + last[0].length < before.length) return false;
  return last[0].startsWith("--") || !/^'(?:[^']|'')*'$|\*\/$/.test(last[0]);
}

// alias or name → table, for all that FROM and JOIN name.
function sources(sql) {
  const found = new Map();
  const add = (table, alias) => {
    found.set(bare(table), bare(table));
    if (alias && !NO_ALIAS.test(alias)) found.set(bare(alias), bare(table));
  };
  for (const [, table, alias, more] of sql.matchAll(SOURCE)) {
    add(table, alias);
    for (const [, other, its] of (more ?? "").matchAll(LISTED)) add(other, its);
  }
  return found;
}

// before: the query up to the cursor. tables: [{name, columns: [{name, type}]}].
export function offers(sql, before, tables) {
  if (isSilent(before)) return [];
  const seen = blank(before);
  const byName = new Map(tables.map((table) => [table.name, table]));
  const named = sources(blank(sql));
  const qualified = seen.match(QUALIFIED);
  if (qualified) return columns(byName.get(named.get(bare(qualified[1])) ?? bare(qualified[1])), 9);
  const made = [...blank(sql).matchAll(MADE)].map(([, name]) => bare(name));
  const asked = [...new Set(named.values())].map((name) => byName.get(name)).filter(Boolean);
  const wantsTable = /\b(?:from|join)\s+\w*$/i.test(seen);
  const found = [
    ...tables.map((table) => ({ value: table.name, meta: "table", score: wantsTable ? 20 : 4 })),
    ...made.map((name) => ({ value: name, meta: "with", score: wantsTable ? 21 : 3 })),
  ];
  if (!wantsTable) {
    found.push(...(asked.length ? asked : tables).flatMap((table) => columns(table, asked.length ? 9 : 2)));
    found.push(...[...named.keys()].filter((name) => !byName.has(name)).map((name) => ({ value: name, meta: "alias", score: 8 })));
    found.push(...FUNCTIONS.map((value) => ({ value, meta: "function", score: 1 })));
  }
  found.push(...KEYWORDS.map((value) => ({ value, meta: "SQL", score: 0 })));
  return [...new Map(found.map((one) => [one.value, one])).values()];
}

function columns(table, score) {
  return (table?.columns ?? []).map(({ name, type }) => ({ value: name, meta: type, score }));
}
