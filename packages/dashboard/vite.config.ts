import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** One script, one style sheet, under names that do not change: a report puts both into one file. */
export default defineConfig({
  root: here("src/page"),
  // Served below any path, and from a file.
  base: "./",
  publicDir: here("src/page/public"),
  build: {
    outDir: here("dist/page"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    // Nothing becomes a data: address, which the page's Content-Security-Policy refuses.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: { entryFileNames: "page.js", assetFileNames: "page[extname]", codeSplitting: false },
    },
  },
});
