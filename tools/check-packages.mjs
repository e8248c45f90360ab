// Checks every package as it would be published: publint for its manifest and files, attw for its types.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const packages = readdirSync("packages", { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => join("packages", name));

const folder = mkdtempSync(join(tmpdir(), "evertoken-packages-"));
let failed = false;
try {
  for (const path of packages) {
    const packed = JSON.parse(
      execFileSync("npm", ["pack", "--json", "--silent", "--ignore-scripts", "--pack-destination", folder], {
        cwd: path,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }),
    );
    // npm 11 and older print a list, newer ones a record by name.
    const [{ filename }] = Object.values(packed);
    const tarball = join(folder, filename);
    const { exports } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
    const checks = [["publint", "run", tarball, "--strict"]];
    // A package that is a command only has no types to check.
    if (exports["."] !== undefined) checks.push(["attw", tarball, "--profile", "esm-only", "--quiet"]);
    for (const [tool, ...args] of checks) {
      const { status, stdout, stderr } = spawnSync(join("node_modules", ".bin", tool), args, { encoding: "utf8" });
      if (status === 0) continue;
      failed = true;
      console.error(`${path}: ${tool}\n${stdout}${stderr}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (failed) process.exit(1);
console.log(`${packages.length} packages are fit to publish`);
