// Drives the demo's pages in Chromium, twice: first as somebody without scripts, on a telephone and
// on a desktop, through the whole story; then with scripts on, to have axe-core look at every kind
// of page. `crates/sayso/tests/it/browser.rs` starts the demo and calls this with a plan:
//
//   node pages.mjs '{"url": …, "links": {…}, "screenshots": …, "chromium": …}'
//
// The libraries are looked for in the folder that SAYSO_NODE_MODULES names.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.env.SAYSO_NODE_MODULES, "here.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const plan = JSON.parse(process.argv[2]);
const origin = new URL(plan.url).origin;
// What is allowed in part says so in its label.
const box = "Offers by e-mail";
const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 900 };
const levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

const problems = [];

const browser = await chromium.launch({
  executablePath: plan.chromium,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

// A page of a visitor who has not been here before. Whatever it does that it should not is noted.
async function visitor(name, options) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("request", (request) => {
    const to = new URL(request.url());
    if (to.origin !== origin) problems.push(`${name}: asks ${to.origin} for something`);
  });
  page.on("console", (said) => {
    const isOfGone = said.text().includes("410 (Gone)");
    if (said.type() === "error" && !isOfGone) problems.push(`${name}: ${said.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`${name}: ${error.message}`));
  return page;
}

function must(holds, what) {
  if (!holds) problems.push(what);
}

async function picture(page, name) {
  await page.screenshot({ path: join(plan.screenshots, `${name}.png`), fullPage: true });
  const sideways = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  must(sideways <= 0, `${name}: ${sideways} px wider than the window`);
}

// Ticks or unticks the box by its label, saves, and waits for the page that loads itself again.
async function save(page, ticked, name) {
  await page.getByLabel(box).setChecked(ticked);
  await page.getByRole("button", { name: "Save my choices" }).click();
  await page.getByRole("heading", { name: "In force now" }).waitFor();
  await picture(page, `${name}-saved`);
  await page.getByText("Every system has applied your choice.").waitFor();
  must((await page.getByLabel(box).isChecked()) === ticked, `${name}: the box`);
  await picture(page, `${name}-applied`);
}

async function story(name, link, viewport) {
  const page = await visitor(name, { javaScriptEnabled: false, viewport });
  await page.goto(link);
  await page.getByRole("heading", { level: 1, name: "You decide what" }).waitFor();
  await picture(page, `${name}-page`);
  if (!(await page.getByLabel(box).isChecked())) {
    await save(page, true, `${name}-yes`);
  }
  await save(page, false, `${name}-no`);
  const receipt = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download your receipt" }).click();
  const kept = JSON.parse(readFileSync(await (await receipt).path(), "utf8"));
  must(JSON.stringify(kept).includes("denial"), `${name}: the receipt says no`);
  await page.context().close();
}

// Has axe-core look at a page as it is.
async function look(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(
    (values) => globalThis.axe.run(document, { runOnly: { type: "tag", values } }),
    levels,
  );
  must(found.passes.length > 5, `${name}: axe-core looked at nothing`);
  for (const { id, help, nodes } of found.violations) {
    const where = nodes.map((node) => node.html).join("\n    ");
    problems.push(`${name}: ${id}: ${help}\n    ${where}`);
  }
}

async function pages(name, viewport, colorScheme, person) {
  const at = (path) => (path.startsWith("http") ? path : `${plan.url}${path}`);
  const look_at = async (page, what, path) => {
    await page.goto(at(path));
    await look(page, `${name}-${what}`);
    await picture(page, `${name}-${what}`);
  };
  const page = person;
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme });
  await look_at(page, "person", "/me");
  await look_at(page, "person-de", "/me?lang=de");
  await look_at(page, "person-unchanged", "/me?lang=en&saved=unchanged");
  await look_at(page, "docs", "/docs");
  const stranger = await visitor(name, { viewport, colorScheme });
  await look_at(stranger, "link", plan.links.mailed);
  await look_at(stranger, "gone", plan.links.person);
  await look_at(stranger, "gone-de", "/me?lang=de");
  await stranger.context().close();
}

// A link that was mailed: opened with a click, and nothing is read by it.
async function mailed() {
  const page = await visitor("mailed", { javaScriptEnabled: true });
  await page.goto(plan.links.mailed);
  await page.getByRole("button", { name: "Open my page" }).click();
  for (const [name, viewport] of Object.entries({ phone, desktop })) {
    await page.setViewportSize(viewport);
    for (const path of ["/me", "/me?lang=de", "/me?lang=en&saved=0-1&left=yes"]) {
      await page.goto(`${plan.url}${path}`);
      const which = `mailed-${name}${path.replaceAll(/[^a-z]+/g, "-")}`;
      await look(page, which);
      await picture(page, which);
      must((await page.locator("#history, .effects, .receipt").count()) === 0, `${which}: reads`);
    }
  }
}

try {
  await story("phone", plan.links.phone, phone);
  await story("desktop", plan.links.desktop, desktop);
  const person = await visitor("person", {});
  await person.goto(plan.links.person);
  const operator = await visitor("operator", {});
  await operator.goto(plan.links.overview);
  for (const [name, viewport] of Object.entries({ phone, desktop })) {
    for (const colorScheme of ["light", "dark"]) {
      await pages(`axe-${name}-${colorScheme}`, viewport, colorScheme, person);
      await operator.setViewportSize(viewport);
      await operator.emulateMedia({ colorScheme });
      await operator.goto(`${plan.url}/overview`);
      await look(operator, `axe-${name}-${colorScheme}-overview`);
      await picture(operator, `axe-${name}-${colorScheme}-overview`);
    }
  }
  await mailed();
} catch (error) {
  problems.push(`${error.stack}`);
} finally {
  await browser.close();
}

for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
