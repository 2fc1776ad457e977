// Writes src/generated/*.ts from the JSON schemas of docs/. With --check it only compares, and fails where they differ.
//
// It knows what these schemas use, and throws on anything else: a type that is silently `unknown` would be no check at all.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SOURCES = [
  ["report", "../../../docs/report.schema.json"],
  ["gate", "../../../docs/schema/gate.schema.json"],
  ["tree", "../../../docs/schema/tree.schema.json"],
  ["error", "../../../docs/schema/error.schema.json"],
];

const KNOWN = new Set(["$schema", "$id", "title", "description", "type", "properties", "required", "$defs", "$ref", "items", "enum",
  "const", "oneOf", "anyOf", "additionalProperties", "format", "minimum", "maximum", "default", "minItems", "maxItems", "pattern"]);

function comment(schema, indent) {
  if (!schema.description) return "";
  const text = schema.description.replaceAll("*/", "*\\/").split("\n").map((line) => line.trim());
  return text.length === 1
    ? `${indent}/** ${text[0]} */\n`
    : `${indent}/**\n${text.map((line) => `${indent} *${line ? ` ${line}` : ""}\n`).join("")}${indent} */\n`;
}

function type(schema, indent) {
  if (schema === true) return "unknown";
  for (const key of Object.keys(schema)) if (!KNOWN.has(key)) throw new Error(`the key ${key} is not known: ${JSON.stringify(schema)}`);
  if (schema.$ref) return schema.$ref.replace(/^#\/\$defs\//, "");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice) return choice.map((one) => type(one, indent)).join(" | ");
  if (Array.isArray(schema.type)) return schema.type.map((one) => type({ ...schema, type: one }, indent)).join(" | ");
  switch (schema.type) {
    case "string": return "string";
    case "integer": case "number": return "number";
    case "boolean": return "boolean";
    case "null": return "null";
    case "array": return `Array<${type(schema.items, indent)}>`;
    case "object": return object(schema, indent);
    default:
      if (Object.keys(schema).every((key) => key === "description" || key === "default")) return "unknown";
      throw new Error(`no type: ${JSON.stringify(schema)}`);
  }
}

function object(schema, indent) {
  if (!schema.properties) {
    return schema.additionalProperties ? `Record<string, ${type(schema.additionalProperties, indent)}>` : "Record<string, unknown>";
  }
  const inner = `${indent}  `;
  const required = new Set(schema.required);
  const lines = Object.entries(schema.properties).map(([name, value]) => {
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
    return `${value === true ? "" : comment(value, inner)}${inner}${key}${required.has(name) ? "" : "?"}: ${type(value, inner)};\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}

function declared(name, schema) {
  const shape = type(schema, "");
  const head = comment(schema, "");
  return shape.startsWith("{") && !schema.oneOf && !schema.anyOf
    ? `${head}export interface ${name} ${shape}\n`
    : `${head}export type ${name} = ${shape};\n`;
}

let stale = 0;
for (const [name, path] of SOURCES) {
  const schema = JSON.parse(readFileSync(here(path), "utf8"));
  const parts = [declared(schema.title, schema), ...Object.entries(schema.$defs ?? {}).map(([id, one]) => declared(id, one))];
  const text = `// Made by scripts/types.js from ${path.replaceAll("../", "")}. Do not edit.\n\n${parts.join("\n")}`;
  const target = here(`../src/generated/${name}.ts`);
  if (process.argv.includes("--check")) {
    let is = "";
    try { is = readFileSync(target, "utf8"); } catch { /* it is stale */ }
    if (is !== text) { stale += 1; console.error(`src/generated/${name}.ts is not what its schema says; run: npm run types`); }
  } else {
    writeFileSync(target, text);
  }
}
process.exitCode = stale ? 1 : 0;
