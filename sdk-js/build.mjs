// Bundles the tracker into dist/, and prints what each file weighs.
// node build.mjs [FOLDER]: into that folder as well, with the compressed copies that a server hands out.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const MOST_BYTES = 3_000; // of a file, gzipped
const served = process.argv[2];
const common = {
  bundle: true,
  minify: true,
  target: "es2020",
  mangleProps: /^_/,
  legalComments: "none",
};

await build({ ...common, entryPoints: ["src/script.ts"], format: "iife", outfile: "dist/tracker.js" });
await build({ ...common, entryPoints: ["src/tracker.ts"], format: "esm", outfile: "dist/tracker.mjs" });

if (served) mkdirSync(served, { recursive: true });
for (const name of ["tracker.js", "tracker.mjs"]) {
  const text = readFileSync(join("dist", name));
  const gzip = gzipSync(text, { level: 9 });
  const brotli = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: text.length } });
  console.log(`${name}: ${text.length} bytes, ${gzip.length} gzip, ${brotli.length} brotli`);
  if (gzip.length > MOST_BYTES) {
    console.error(`${name} is larger than ${MOST_BYTES} bytes`);
    process.exitCode = 1;
  }
  if (served) {
    copyFileSync(join("dist", name), join(served, name));
    writeFileSync(join(served, `${name}.gz`), gzip);
    writeFileSync(join(served, `${name}.br`), brotli);
  }
}
