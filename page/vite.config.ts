import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ mode }) => {
  // `npm run dev` beside a running `millrace up`: the APIs are that server's.
  const server = loadEnv(mode, ".", "MILLRACE_")["MILLRACE_URL"] ?? "http://localhost:8080";
  return {
    base: "./", // relative to the page's own address, so that it works under any path prefix
    publicDir: false,
    server: { proxy: { "^/(?!src|node_modules|@|index\\.html|\\?|$)": server } },
    build: {
      outDir: "dist",
      target: "es2022",
      assetsDir: "assets",
      assetsInlineLimit: 0, // no data: URLs of ours: what the policy allows is as little as can be
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      license: { fileName: "licenses.md" },
    },
  };
});
