// Whether a value is what one of the project's own JSON schemas says. It knows the words that these use, and throws on others.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./support.js";

const IGNORED = new Set(["$schema", "$defs", "title", "description", "format", "default"]);

/** What is wrong, one line each. */
export function valid(name, value) {
  const schema = JSON.parse(readFileSync(join(root, "docs", name), "utf8"));
  const errors = [];
  walk(schema, schema, value, "$", errors);
  return errors;
}

function walk(root, schema, value, at, errors) {
  if (schema === true) return;
  for (const [word, said] of Object.entries(schema)) {
    const wrong = (what) => errors.push(`${at}: ${what}`);
    if (IGNORED.has(word)) continue;
    switch (word) {
      case "$ref": walk(root, root.$defs[said.replace("#/$defs/", "")], value, at, errors); break;
      case "const": if (value !== said) wrong(`is not ${said}`); break;
      case "enum": if (!said.includes(value)) wrong(`is none of ${said}`); break;
      case "type": if (![said].flat().includes(kind(value)) && !([said].flat().includes("number") && kind(value) === "integer")) wrong(`${kind(value)} is no ${said}`); break;
      case "minimum": if (value < said) wrong(`below ${said}`); break;
      case "maximum": if (value > said) wrong(`above ${said}`); break;
      case "minItems": if (value.length < said) wrong(`fewer than ${said}`); break;
      case "maxItems": if (value.length > said) wrong(`more than ${said}`); break;
      case "pattern": if (!new RegExp(said, "u").test(value)) wrong(`is not ${said}`); break;
      case "required": for (const key of said) if (kind(value) === "object" && !(key in value)) wrong(`has no ${key}`); break;
      case "items": if (Array.isArray(value)) value.forEach((one, index) => walk(root, said, one, `${at}[${index}]`, errors)); break;
      case "oneOf": case "anyOf": {
        const fitting = said.filter((one) => { const own = []; walk(root, one, value, at, own); return own.length === 0; }).length;
        if (fitting === 0 || (word === "oneOf" && fitting > 1)) wrong(`fits ${fitting} of ${said.length} forms`);
        break;
      }
      case "properties":
        if (kind(value) === "object") for (const [key, one] of Object.entries(said)) if (key in value) walk(root, one, value[key], `${at}.${key}`, errors);
        break;
      case "additionalProperties":
        if (kind(value) === "object") {
          for (const key of Object.keys(value).filter((key) => !(key in (schema.properties ?? {})))) {
            if (said === false) wrong(`${key} is not known`); else walk(root, said, value[key], `${at}.${key}`, errors);
          }
        }
        break;
      default: throw new Error(`the word ${word} is not known`);
    }
  }
}

function kind(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}
