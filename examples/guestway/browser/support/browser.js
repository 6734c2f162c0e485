import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const programs = ['/usr/bin/chromium', '/usr/bin/google-chrome'];

/** Starts Chromium. `options` are those of Playwright, with more arguments in `args`. */
export function launch({ args = [], ...options } = {}) {
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const executablePath = programs.find((path) => existsSync(path));
  if (!executablePath) throw new Error('the tests need Chromium: apt-get install chromium');
  return chromium.launch({ executablePath, args: ['--disable-quic', ...sandbox, ...args], ...options });
}

/** Opens a sign-in link, and presses its button. */
export async function signIn(page, link) {
  await page.goto(link);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** A page in a context of its own, signed in to the token page of an organization. */
export async function visit(browser, guestway, organization, options = {}, ...signInOptions) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await signIn(page, await guestway.link(organization, ...signInOptions));
  return page;
}

/** Fills the form of a new token, from the list on. */
export async function fillForm(page, name, scopes = ['guests:read']) {
  await page.getByRole('link', { name: 'Create token' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  for (const scope of scopes) await page.locator(`input[name=scope][value="${scope}"]`).check();
}

/** Creates a token on the page, and returns its text. The page then shows it. */
export async function create(page, name, scopes) {
  await fillForm(page, name, scopes);
  await page.getByRole('button', { name: 'Create token' }).click();
  return page.locator('#dk-token').textContent();
}

/** Delays each answer, as the way to a server elsewhere does. */
export async function delay(page) {
  const session = await page.context().newCDPSession(page);
  const unlimited = { downloadThroughput: -1, uploadThroughput: -1 };
  await session.send('Network.enable');
  await session.send('Network.emulateNetworkConditions', { offline: false, latency: 300, ...unlimited });
}

/** The row of the list that shows a name. */
export function row(page, name) {
  return page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
}
