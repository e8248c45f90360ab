// Puts the optional binaries of other platforms back into package-lock.json: npm leaves out those that the registry in
// use does not carry (npm/cli #4828), and `npm ci` then refuses the lock file. Run it after `npm install`.
import { readFileSync, writeFileSync } from "node:fs";

const PATH = "package-lock.json";
const SYSTEMS = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const PROCESSORS = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

const lock = JSON.parse(readFileSync(PATH, "utf8"));
const added = {};
for (const parent of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (path in lock.packages || !/^\d+\.\d+\.\d+/.test(version)) continue;
    // The name tells what it runs on: cli-linux-arm64-musl, binding-win32-x64-msvc.
    const words = name.split(/[-/]/);
    const os = words.filter((word) => SYSTEMS.includes(word));
    const cpu = words.filter((word) => PROCESSORS.includes(word));
    added[path] = {
      version,
      ...(cpu.length > 0 ? { cpu } : {}),
      ...(parent.dev ? { dev: true } : {}),
      optional: true,
      ...(os.length > 0 ? { os } : {}),
    };
  }
}
const sorted = Object.entries({ ...lock.packages, ...added }).sort(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(PATH, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
console.log(`${Object.keys(added).length} added to ${PATH}`);
