// Opens the status page in a browser, has axe judge it, and takes pictures. Prints what it found as a line of JSON.
//
//   node look.mjs <folder of node_modules> <url> <folder of pictures> <mode>
//
// `look`: the page as it is, at two sizes and in two colours. `silent`: the page of a service that ends meanwhile; the
// word "stop" is printed when it may end. PENSTOCK_PAGE_PASSWORD is what a person would type.
import {createRequire} from "node:module";
import {readFileSync} from "node:fs";
import path from "node:path";

const [deps, url, pictures, mode] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(deps), "index.js"));
const {chromium} = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const sizes = {desktop: {width: 1200, height: 900}, phone: {width: 390, height: 844}};
const views = [["desktop", "light", "desktop"], ["phone", "light", "phone"], ["desktop", "dark", "dark"]];
const password = process.env.PENSTOCK_PAGE_PASSWORD;
const found = {views: {}, console: [], requests: [], refused: []};

const browser = await chromium.launch({executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"]});

async function open(size, colour) {
  const context = await browser.newContext({viewport: sizes[size], colorScheme: colour, reducedMotion: "reduce",
    httpCredentials: password ? {username: "anybody", password} : undefined});
  const page = await context.newPage();
  page.on("console", (message) => { if (message.type() === "error") found.console.push(message.text()); });
  page.on("pageerror", (error) => found.console.push(String(error)));
  page.on("request", (request) => found.requests.push(request.url()));
  page.on("response", (answer) => { if (answer.status() >= 400 && answer.status() !== 401) found.refused.push(answer.url()); });
  await page.goto(url);
  await page.waitForSelector("#now div");
  return page;
}

async function judge(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => window.axe.run(document, {resultTypes: ["violations"]}));
  return result.violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(" | ")}`.slice(0, 500));
}

if (mode === "silent") {
  const page = await open("desktop", "light");
  console.log("stop");
  await page.waitForSelector("#state.silent", {timeout: 60000});
  found.state = await page.textContent("#state");
  found.axe = await judge(page);
} else {
  for (const [size, colour, name] of views) {
    const page = await open(size, colour);
    const closed = await judge(page);
    for (const details of await page.$$("details > summary")) await details.click();
    found.views[name] = {
      axe: [...closed, ...await judge(page)],
      overflows: await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth),
      state: await page.textContent("#state"),
      title: await page.title(),
      text: await page.evaluate(() => document.body.innerText),
      live: await page.getAttribute("#state", "aria-live"),
    };
    for (const details of await page.$$("details > summary")) await details.click();
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.screenshot({path: path.join(pictures, name + ".png")});
    await page.context().close();
  }
}
await browser.close();
if (mode === "silent") {
  // The browser itself complains of what does not answer, at each question.
  found.console = found.console.filter((text) => !text.startsWith("Failed to load resource: net::"));
}
console.log(JSON.stringify(found));
