import { createHash } from "node:crypto";
import { assertReportable, ReportError, reportOf } from "@evertoken/dashboard";
import { describe, expect, it } from "vitest";
import { builtPage, liveDashboard } from "./server.js";

const sha256 = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

describe("a report", () => {
  it("is one file that holds the page and its record, and may load nothing", async () => {
    const { live, clock } = await liveDashboard();
    live.tell({ at: clock.now(), kind: "state", severity: "note", text: "</script><script>alert(1)</script>" });

    const html = reportOf(live.hello(), builtPage());

    const record = /<script type="application\/json" id="record">(.*?)<\/script>/s.exec(html)?.[1] ?? "";
    expect(JSON.parse(record)).toEqual({ hello: JSON.parse(JSON.stringify(live.hello())) });
    const script = /<script type="module">(.*?)<\/script>/s.exec(html)?.[1] ?? "";
    expect(script).toContain('document.body.append("ready \\u003c/script> $& ")');
    const style = /<style>(.*?)<\/style>/s.exec(html)?.[1] ?? "";
    expect(style).toBe("body { margin: 0 }");
    expect(html).toContain(`script-src ${sha256(script)}; style-src ${sha256(style)}; img-src data:`);
    expect(html).toContain("require-trusted-types-for 'script'; trusted-types 'none'");
    expect(html).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(html.match(/<script/g)).toHaveLength(2);
  });

  it("needs a page that was built", async () => {
    const { live } = await liveDashboard();

    expect(() => reportOf(live.hello(), "/no/such/folder")).toThrow(ReportError);
    expect(() => assertReportable("/no/such/folder")).toThrow(ReportError);
    expect(() => assertReportable(builtPage())).not.toThrow();
  });
});
