// What Node cannot pass on to a program as it was given. It reads arguments and variables as UTF-8 and puts U+FFFD for every other byte, and
// writes that for half of a surrogate pair: another file would be judged than was named.

const CHANGED = /[\uFFFD\uD800-\uDFFF]/u;
/** Variables that name places, and so choose what is judged and by whom. */
const PLACES = /^(HOME|PATH|TMPDIR|XDG_.*|OPENCLAW_.*)$/;

/** The first of these in words; undefined where all can be passed on. */
export function unpassable(args: readonly string[], env: Readonly<Record<string, string | undefined>>): string | undefined {
  const argument = args.find((arg) => CHANGED.test(arg));
  if (argument !== undefined) return `the argument ${JSON.stringify(argument)} is no UTF-8 text, which Node cannot pass on`;
  const variable = Object.keys(env).find((name) => PLACES.test(name) && CHANGED.test(env[name] ?? ""));
  return variable === undefined ? undefined : `the variable ${variable} is no UTF-8 text, which Node cannot pass on`;
}
