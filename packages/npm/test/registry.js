// A registry of the tarballs in one folder, on the loopback interface: what npm asks of it is the packument and the tarball.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

/** Serves `folder`. `asked` lists the names that npm wanted; `close` ends it. */
export async function registry(folder) {
  const packages = new Map();
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".tgz"))) {
    const bytes = readFileSync(join(folder, file));
    const manifest = JSON.parse(execFileSync("tar", ["-xzOf", join(folder, file), "package/package.json"], { encoding: "utf8" }));
    const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
    packages.set(manifest.name, { file, bytes, manifest, integrity });
  }
  const asked = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url.slice(1));
    const found = packages.get(path);
    const tarball = [...packages.values()].find(({ file }) => path === `tarballs/${file}`);
    asked.push(path);
    if (tarball) {
      response.setHeader("content-type", "application/octet-stream").end(tarball.bytes);
    } else if (found) {
      const { manifest, file, integrity } = found;
      const dist = { integrity, tarball: `${address}tarballs/${file}` };
      response.setHeader("content-type", "application/json").end(JSON.stringify({
        name: manifest.name,
        "dist-tags": { latest: manifest.version },
        versions: { [manifest.version]: { ...manifest, dist } },
        time: { created: "2026-01-01T00:00:00.000Z", [manifest.version]: "2026-01-01T00:00:00.000Z" },
      }));
    } else {
      response.writeHead(404).end("{}");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${server.address().port}/`;
  return { address, asked, close: () => server.close() };
}
