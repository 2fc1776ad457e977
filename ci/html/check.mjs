// Opens pages in a headless Chromium: node check.mjs CHROMIUM PAGE... Each is to ask for nothing, say nothing on the console, be the same
// without script, fit a narrow screen, be reached by keyboard, and pass axe (WCAG 2.1 AA), in light and in dark.

import { createRequire } from "node:module";
import { readFileSync, statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [executablePath, ...pages] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
let failed = 0;
const wrong = (text) => { failed += 1; console.error(`wrong: ${text}`); };
try {
  for (const path of pages) {
    const address = pathToFileURL(path).href;
    const size = statSync(path).size;
    if (readFileSync(path, "utf8").split("<script").length !== 2) wrong(`${path}: not one script`);
    if (size >= (path.endsWith("/thousand.html") ? 1_000_000 : 300_000)) wrong(`${path}: ${size} bytes`);
    for (const scheme of ["light", "dark"]) {
      const page = await browser.newPage();
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      const asked = [];
      page.on("request", (request) => { if (request.url() !== address) asked.push(request.url()); });
      page.on("console", (message) => wrong(`${path}: console: ${message.text()}`));
      page.on("pageerror", (error) => wrong(`${path}: ${error}`));
      page.on("dialog", (dialog) => { wrong(`${path}: a script ran`); dialog.dismiss(); });
      await page.setJavaScriptEnabled(false);
      await page.goto(address);
      if (asked.length > 0) wrong(`${path}: asks for ${asked}`);
      for (const width of [320, 1280]) {
        await page.setViewport({ width, height: 800 });
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (over > 0) wrong(`${path}: ${over} px too wide at ${width}`);
        if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${path.split("/").at(-1)}-${scheme}-${width}.png` });
      }
      const unreached = await page.evaluate(() => [...document.querySelectorAll("summary, .wide")].filter((one) => one.tabIndex < 0).length);
      if (unreached > 0) wrong(`${path}: ${unreached} not reached by keyboard`);
      // On paper nothing can be unfolded.
      await page.emulateMediaType("print");
      // What was folded is laid out in the next frame.
      await page.screenshot({ clip: { x: 0, y: 0, width: 1, height: 1 } });
      const folded = await page.evaluate(() => [...document.querySelectorAll("details > :not(summary)")]
        .filter((one) => !one.checkVisibility({ contentVisibilityAuto: true })).length);
      if (folded > 0) wrong(`${path}: ${folded} parts are not printed`);
      await page.emulateMediaType("screen");
      // Axe itself needs timers, so from here on scripts may run. The page has one, which its policy names by digest.
      await page.setJavaScriptEnabled(true);
      await page.reload();
      for (const input of await page.$$("input[type=search]")) {
        const rows = () => input.evaluate((one) => [...document.getElementById(one.dataset.rows).rows].filter((row) => row.checkVisibility()).length);
        const all = await rows();
        await input.type("no row has this");
        if (all > 0 && await rows() > 0) wrong(`${path}: the search leaves rows that lack the text`);
        for (let key = 0; key < "no row has this".length; key += 1) await page.keyboard.press("Backspace");
        if (await rows() !== all) wrong(`${path}: an empty search does not show all rows`);
      }
      await page.evaluate(() => { for (const one of document.querySelectorAll("details")) one.open = true; });
      // Given to the browser's debugger, which no policy of the page holds back.
      await page.evaluate(axe);
      const found = await page.evaluate(async () => {
        const { violations, passes } = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] });
        return { passes: passes.length, violations: violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(" ")}`) };
      });
      for (const text of found.violations) wrong(`${path} (${scheme}): ${text}`);
      if (found.passes < 5) wrong(`${path}: axe looked at ${found.passes} rules only`);
      await page.close();
    }
    console.log(`ok: ${path.split("/").at(-1)}: ${size} bytes, light and dark, 320 and 1280 px`);
  }
} finally {
  await browser.close();
}
process.exitCode = failed > 0 ? 1 : 0;
