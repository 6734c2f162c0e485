import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, signIn, visit } from '../support/browser.js';
import { suite } from '../support/suite.js';

// Playwright turns the back/forward cache off, which would hide what is tested here.
const shared = suite({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });

/** Signed in, with the form of a new token already visited once: pages are cached from a second visit on. */
async function experienced(organization) {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, organization);
  await page.goto(`${guestway.tokensUrl}/new`);
  await page.goto(guestway.tokensUrl);
  return page;
}

/** Collects what pages show at the moment at which they appear, and whether they come from the cache. */
async function record(page) {
  const shown = [];
  page.on('console', (message) => shown.push(message.text()));
  await page.addInitScript(() => {
    addEventListener('pageshow', ({ persisted }) => {
      console.log(persisted ? 'restored' : 'loaded', document.body.textContent);
    });
  });
  return shown;
}

/** Goes back over the whole history. A page that asks to send a form again shows nothing. */
async function goBackTo(page, url) {
  for (let steps = 0; steps < 6 && page.url() !== url; steps += 1) {
    await page.goBack({ waitUntil: 'commit' }).catch((error) => assert.match(error.message, /ERR_CACHE_MISS/));
    await page.waitForTimeout(500);
  }
  assert.equal(page.url(), url);
}

test('the back/forward cache is on', async () => {
  const { browser, guestway } = shared;
  const page = await (await browser.newContext()).newPage();
  const shown = await record(page);
  const link = await guestway.link('cached');
  await page.goto(link);
  await page.goto(`${guestway.origin}/healthz`);
  await goBackTo(page, link);
  assert.match(shown.at(-1), /^restored .*Sign in/);
});

test('after Done, Back reaches the empty form and not the token', async () => {
  const { guestway } = shared;
  const page = await experienced('done');
  const token = await create(page, 'Done');
  await page.getByRole('link', { name: 'Done' }).click();
  await page.waitForURL(guestway.tokensUrl);
  await page.getByRole('link', { name: 'Done' }).waitFor();
  await page.goBack();
  assert.equal(page.url(), `${guestway.tokensUrl}/new`);
  await page.getByRole('button', { name: 'Create token' }).waitFor();
  await page.goForward();
  assert.equal(page.url(), guestway.tokensUrl);
  assert.ok(!(await page.content()).includes(token));
});

test('going away and back does not show the token again', async () => {
  const { guestway } = shared;
  const page = await experienced('away');
  const shown = await record(page);
  const token = await create(page, 'Away');
  assert.ok(shown.at(-1).includes(token));
  shown.length = 0;
  await page.goto(`${guestway.origin}/healthz`);
  await goBackTo(page, `${guestway.tokensUrl}/new`);
  assert.ok(shown.length > 1);
  assert.ok(!shown.join().includes(token));
  assert.equal((await guestway.tokens('away')).length, 1);
});

test('a reload of the result creates no second token', async () => {
  const { guestway } = shared;
  const page = await experienced('reload');
  const token = await create(page, 'Reloaded');
  await page.reload();
  await page.getByRole('heading', { name: 'Token already created' }).waitFor();
  assert.ok(!(await page.content()).includes(token));
  assert.equal((await guestway.tokens('reload')).length, 1);
  assert.equal(await guestway.requestStatus(token), 200);
});

test('a form that Back restores can be sent, and creates one token', async () => {
  const { guestway } = shared;
  const page = await experienced('again');
  await create(page, 'First');
  await page.getByRole('link', { name: 'Done' }).click();
  await page.waitForURL(guestway.tokensUrl);
  await page.goBack();
  await page.getByLabel('Name', { exact: true }).fill('Second');
  await page.getByLabel('Owners - Read').check();
  await page.getByRole('button', { name: 'Create token' }).click();
  await page.getByRole('heading', { name: 'Token created' }).waitFor();
  const names = (await guestway.tokens('again')).map(({ name }) => name).sort();
  assert.deepEqual(names, ['First', 'Second']);
});

test('after signing out, Back shows no tokens', async () => {
  const { guestway } = shared;
  await guestway.createToken('left', 'Confidential', ['guests:read']);
  const page = await experienced('left');
  await page.getByRole('link', { name: 'Confidential' }).click();
  await page.getByRole('heading', { name: 'Confidential' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(/sign-in$/);
  await page.goBack();
  await page.waitForURL(/sign-in$/);
  assert.ok(!(await page.content()).includes('Confidential'));
});

test('a sign-in link that Back reaches again does not sign in', async () => {
  const { browser, guestway } = shared;
  const page = await (await browser.newContext()).newPage();
  await signIn(page, await guestway.link('link-again'));
  await page.waitForURL(guestway.tokensUrl);
  await page.goBack();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'This link cannot be used any more' }).waitFor();
});
