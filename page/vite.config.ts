import { defineConfig, loadEnv, type Plugin } from "vite";

/** Dark colours for whoever has them where no script says so: the form of /setup, which runs none, and the page until it does. */
const darkWithoutScript: Plugin = {
  name: "dark-without-script",
  enforce: "pre",
  transform: {
    filter: { id: /style\/tokens\.css$/ },
    handler: (code) => code.replace(/:root\[data-theme="dark"\] (\{[^}]*\})/, "$&\n@media (prefers-color-scheme: dark) { :root:not([data-theme]) $1 }"),
  },
};

export default defineConfig(({ mode }) => {
  // `npm run dev` beside a running `millrace up`: the APIs are that server's.
  const server = loadEnv(mode, ".", "MILLRACE_")["MILLRACE_URL"] ?? "http://localhost:8080";
  return {
    base: "./", // relative to the page's own address, so that it works under any path prefix
    publicDir: false,
    plugins: [darkWithoutScript],
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
