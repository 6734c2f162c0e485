import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { examine } from '../support/examine.js';
import { suite } from '../support/suite.js';

const shared = suite({}, '--demo');

/** The reference in a page of its own. It fails if the page logs anything, a violation of its policy included. */
async function open(options) {
  const page = await (await shared.browser.newContext(options)).newPage();
  page.setDefaultTimeout(20_000);
  page.problems = [];
  page.on('console', (message) => page.problems.push(message.text()));
  page.on('pageerror', (error) => page.problems.push(error.message));
  await page.goto(`${shared.guestway.origin}/swagger/open`);
  return page;
}

/** The key and the token of the first request that the server prints. */
function demonstration() {
  return /X-Api-Key: (\S+)' -H 'Authorization: Bearer (\S+)'/.exec(shared.guestway.printed).slice(1);
}

/** Tries an operation out, with the credentials that were entered, and returns the status and the body. */
async function tryOut(page, id, values = {}) {
  const operation = page.locator(`#${id}`);
  const details = operation.locator('details.gw-try');
  if (!(await details.evaluate((element) => element.open))) await details.locator('summary').click();
  for (const [name, value] of Object.entries(values)) await operation.getByLabel(name, { exact: true }).fill(value);
  const answered = page.waitForResponse((response) => response.url().includes('/v1/'));
  await operation.getByRole('button', { name: 'Send' }).click();
  const status = (await answered).status();
  const result = operation.getByRole('status');
  await result.locator('p').getByText(`: ${status} `).waitFor();
  return { status, text: await result.innerText() };
}

/** Opens all details below an element. */
function unfold(page, selector) {
  return page.locator(`${selector} details`).evaluateAll((all) => all.forEach((details) => { details.open = true; }));
}

/** Asserts that the page needs no scrolling to the side, in a wide window and in narrow ones. */
async function fits(page) {
  for (const width of [1280, 390, 320]) {
    await page.setViewportSize({ width, height: 800 });
    const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(tooWide <= 0, `${tooWide} pixels too wide at ${width}`);
  }
}

test('operations are tried out with the demonstration credentials', async () => {
  const page = await open();
  const [key, token] = demonstration();
  await page.getByLabel('X-Api-Key').fill(key);
  await page.getByLabel('Authorization: Bearer').fill(token);
  const list = await tryOut(page, 'list_reservations', { status: 'confirmed', limit: '2' });
  assert.equal(list.status, 200, list.text);
  assert.match(list.text, /"nextCursor": "/);
  assert.match(list.text, /ratelimit: "burst"/);
  // The examples of the document are of the demonstration organization.
  for (const id of ['get_reservation', 'list_accesses', 'get_conversation', 'update_conversation']) {
    const { status, text } = await tryOut(page, id);
    assert.equal(status, 200, text);
  }
  assert.equal((await tryOut(page, 'send_message')).status, 201);
  await fits(page);
  assert.deepEqual(page.problems, []);

  const wrong = await tryOut(page, 'list_reservations', { limit: '0' });
  assert.equal(wrong.status, 400);
  assert.match(wrong.text, /"parameter": "limit"/);
  const forbidden = await tryOut(page, 'update_custom_field');
  assert.equal(forbidden.status, 403);
  assert.match(forbidden.text, /custom-fields:edit/);
});

test('nothing keeps what is entered, and no URL has it', async () => {
  const page = await open();
  const [key, token] = demonstration();
  const urls = [];
  page.on('request', (request) => urls.push(request.url()));
  await page.getByLabel('X-Api-Key').fill(key);
  await page.getByLabel('Authorization: Bearer').fill(token);
  assert.equal((await tryOut(page, 'list_guests')).status, 200);
  assert.ok(!urls.join().includes(token));
  assert.deepEqual(await page.context().cookies(), []);
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
  await page.reload();
  assert.equal(await page.getByLabel('Authorization: Bearer').inputValue(), '');
});

test('the Download link saves the document', async () => {
  const page = await open();
  for (const [name, begins] of [['Download', '{'], ['Download as YAML', 'openapi: 3.1.0']]) {
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name, exact: true }).click();
    const text = await readFile(await (await download).path(), 'utf8');
    assert.ok(text.startsWith(begins), text.slice(0, 100));
    if (begins === '{') assert.equal(JSON.parse(text).openapi, '3.1.0');
  }
  assert.deepEqual(page.problems, []);
});

test('every link of the page leads somewhere', async () => {
  const page = await open();
  const dead = await page.evaluate(() => {
    const links = [...document.querySelectorAll('a[href^="#"]')].map((link) => link.getAttribute('href'));
    return links.filter((href) => !document.getElementById(href.slice(1)));
  });
  assert.deepEqual(dead, []);
  const ids = await page.evaluate(() => [...document.querySelectorAll('[id]')].map((element) => element.id));
  assert.equal(new Set(ids).size, ids.length, 'each id is there once');
});

test('axe-core finds nothing', async () => {
  const page = await open({ viewport: { width: 390, height: 800 }, bypassCSP: true });
  for (const id of ['list_reservations', 'send_message']) await unfold(page, `#${id}`);
  await examine(page, 'reference');
});

test('nothing is too wide, with all details open', async () => {
  const page = await open();
  await unfold(page, 'body');
  await fits(page);
});

test('without script the reference is complete, but for the forms', async () => {
  const page = await open({ javaScriptEnabled: false });
  await page.getByRole('heading', { name: 'List the reservations' }).waitFor();
  assert.equal(await page.getByRole('button').count(), 0);
  assert.deepEqual(page.problems, []);
});
