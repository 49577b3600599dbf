import { defineConfig } from "vite";

// Everything is relative to the page's own address, so that it works under any path prefix.
export default defineConfig({
  base: "./",
  publicDir: false,
  // `npm run dev` beside a running `millrace up`: the APIs are the server's.
  server: { proxy: { "^/(?!src|node_modules|@|index\\.html|\\?|$)": "http://localhost:8080" } },
  build: {
    outDir: "dist",
    target: "es2022",
    assetsDir: "assets",
    assetsInlineLimit: 0, // no data: URLs of ours: what the policy allows is as little as can be
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    license: { fileName: "licenses.md" },
  },
});
