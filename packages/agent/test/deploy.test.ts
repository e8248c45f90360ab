/** What is under `deploy/`: units that systemd takes, manifests that fit the schemas of Kubernetes, configurations that the agent takes. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readConfigFile } from "@evertoken/agent";
import { DaemonSet } from "kubernetes-models/apps/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { Namespace, Pod, ServiceAccount } from "kubernetes-models/v1";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { agentOn, folder, host, instance, OWN } from "./host.js";

const DEPLOY = new URL("../../../deploy/", import.meta.url).pathname;

const read = (path: string) => readFileSync(join(DEPLOY, path), "utf8");

const noSystemd = spawnSync("systemd-analyze", ["--version"]).status !== 0;
if (noSystemd) console.warn("SKIPPED: systemd-analyze does not run here; install systemd");

describe("deploy/systemd", () => {
  const STATE = "evertoken-agent.service.d/state.conf";
  const IMDS_ONLY = "evertoken-agent.service.d/imds-only.conf";
  const asItIs = (text: string) => text;
  const encrypted = (text: string) => text.replace(/^LoadCredential=.*\n#/m, "");

  it.skipIf(noSystemd).each([
    ["without the state file", [], asItIs],
    ["with it", [STATE], asItIs],
    ["with an encrypted key to it", [STATE], encrypted],
    ["with nothing but IMDS in reach", [IMDS_ONLY], asItIs],
  ] as const)("has units that systemd takes without a complaint, %s", (_, dropIns, changed) => {
    const units = ["evertoken-agent.service", "evertoken-agent.socket"];
    const copies = folder();
    for (const unit of [...units, ...dropIns]) {
      mkdirSync(dirname(join(copies, unit)), { recursive: true });
      // The command need not be installed here.
      const text = changed(read(`systemd/${unit}`)).replaceAll("/usr/bin/evertoken", "/bin/true");
      writeFileSync(join(copies, unit), text);
    }

    const verify = spawnSync("systemd-analyze", ["verify", "--man=no", ...units.map((unit) => join(copies, unit))], {
      encoding: "utf8",
    });

    expect(verify.stderr).toBe("");
    expect(verify.status).toBe(0);
  });

  // Seen on a systemd that runs, where it is checked whole: npm run measure:systemd.
  it("starts the agent again however often it fails, and reloads it where there is no /bin/kill", () => {
    const [unit, service] = read("systemd/evertoken-agent.service").split("[Service]");

    expect(unit).toMatch(/^StartLimitIntervalSec=0$/m);
    expect(service).toMatch(/^ExecReload=\/bin\/sh -c "kill /m);
  });

  it("has an encrypted key in the place of the plain one, when that line is used", () => {
    expect(encrypted(read(`systemd/${STATE}`))).toMatch(/^\[Service\]\nLoadCredentialEncrypted=/m);
  });
});

describe("deploy/kubernetes", () => {
  const manifests = { DaemonSet, Namespace, NetworkPolicy, Pod, ServiceAccount };
  const files = readdirSync(join(DEPLOY, "kubernetes")).filter((name) => !/^(?:kustomization|agent)\.yaml$/.test(name));

  it.each(files)("%s fits the schema of its kind", (name) => {
    const manifest = parse(read(`kubernetes/${name}`));
    const Kind = manifests[manifest.kind as keyof typeof manifests];

    expect(Kind, `no schema is known here for ${manifest.kind}`).toBeDefined();
    new Kind(manifest).validate();
  });

  it("is checked by schemas that do find what is wrong", () => {
    const manifest = parse(read("kubernetes/daemonset.yaml"));
    manifest.spec.template.spec.containers[0].ports[0].containerPort = "9820";

    expect(() => new DaemonSet(manifest).validate()).toThrow(/containerPort/);
  });

  it("names what it refers to", () => {
    const { resources, configMapGenerator, images } = parse(read("kubernetes/kustomization.yaml"));
    const { spec } = parse(read("kubernetes/daemonset.yaml")).spec.template;
    const [agent] = spec.containers;

    for (const resource of resources) expect(files).toContain(resource);
    const { name } = spec.volumes.find((volume: { configMap?: object }) => volume.configMap !== undefined).configMap;
    expect(configMapGenerator.map((generated: { name: string }) => generated.name)).toContain(name);
    expect(images.map((image: { name: string }) => image.name)).toContain(agent.image);
    const ports = agent.ports.map((port: { name: string }) => port.name);
    for (const probe of [agent.startupProbe, agent.livenessProbe, agent.readinessProbe]) {
      expect(ports).toContain(probe.httpGet.port);
    }
  });
});

describe("an agent on a node", () => {
  it("that is restarted locks out no pod that has read its token", async () => {
    const { simulator } = await instance();
    const { keepTokens, tokenFileMode } = await readConfigFile(join(DEPLOY, "kubernetes/agent.yaml"));
    const onNode = { keepTokens, tokenFileMode, directory: folder() };
    const before = await agentOn(simulator, onNode);
    const authorization = before.token();
    await before.agent.close();

    const { ask } = await agentOn(simulator, onNode);

    expect((await ask(OWN, { authorization })).status).toBe(200);
  });
});

describe("the configuration in", () => {
  it.each(["systemd/agent.yaml", "kubernetes/agent.yaml"])("deploy/%s is one that the agent takes", async (path) => {
    const { agent } = await host();

    expect(await agent.reload(() => readConfigFile(join(DEPLOY, path)))).toBe(true);
    expect(agent.status().readySeconds).toBe(900);
    await agent.reload(async () => ({ drainMs: 0 }));
  });
});
