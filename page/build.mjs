// Bundles the page into dist/ and prints what a first visit loads.
// node build.mjs [FOLDER]: into that folder as well, flat, with the compressed copies that a server hands out.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "vite";

const MOST_BYTES = 250_000; // of a first visit, gzipped
const COMPRESSED = /\.(js|css|html|svg|md)$/;
const into = process.argv[2];

await build({ logLevel: "warn" });
const files = readdirSync("dist", { recursive: true, withFileTypes: true })
  .filter((each) => each.isFile())
  .map((each) => join(each.parentPath, each.name));

if (into) {
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into, { recursive: true });
}
const weights = new Map();
for (const path of files) {
  const content = readFileSync(path);
  const name = basename(path);
  weights.set(name, COMPRESSED.test(name) ? gzipSync(content, { level: 9 }).length : content.length);
  if (!into) continue;
  writeFileSync(join(into, name), content);
  if (!COMPRESSED.test(name)) continue;
  const quality = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  writeFileSync(join(into, `${name}.gz`), gzipSync(content, { level: 9 }));
  writeFileSync(join(into, `${name}.br`), brotliCompressSync(content, { params: quality }));
}

// What index.html names, and the one font file that Latin text needs; everything else is loaded once it is asked for.
const html = readFileSync("dist/index.html", "utf8");
const first = ["index.html", ...[...html.matchAll(/assets\/([^"]+)"/g)].map((found) => found[1])];
const font = [...weights.keys()].find((name) => /^inter-latin-wght-normal/.test(name));
const sum = [...new Set([...first, font])].reduce((total, name) => total + weights.get(name), 0);
console.log(`the page: ${files.length} files; a first visit loads ${sum} bytes`);
if (sum > MOST_BYTES) {
  console.error(`a first visit may load ${MOST_BYTES} bytes`);
  process.exitCode = 1;
}
