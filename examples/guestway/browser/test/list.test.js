import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everyChip } from '../support/history.js';
import { row, visit } from '../support/browser.js';
import { suite } from '../support/suite.js';

const shared = suite();
const names = (page) => page.locator('td.dk-name > a').allTextContents();

test('each row has the one chip that matters most', async () => {
  const { browser, guestway } = shared;
  await everyChip(guestway, 'chips');
  const page = await visit(browser, guestway, 'chips');
  const chips = {
    'Channel manager - production': 'Active',
    'Owner portal - production': 'Expiring',
    'Data warehouse - nightly': 'Unused',
    'Smart home pilot': 'Never used',
    'Accounting - 2025': 'Expired',
  };
  for (const [name, chip] of Object.entries(chips)) {
    assert.equal(await row(page, name).locator('.dk-chip').textContent(), chip, name);
  }
  const pair = row(page, 'Door locks - production');
  assert.deepEqual(await pair.locator('.dk-chip').allTextContents(), ['Active', 'Replaced']);
  assert.match(await pair.nth(1).textContent(), /Replaced by .*: safe to remove/);
  assert.match(await row(page, 'Channel manager - production').textContent(), /3 minutes ago by Door locks/);
  assert.match(await row(page, 'Smart home pilot').textContent(), /Never/);
  const expired = row(page, 'Accounting - 2025');
  assert.equal(await expired.getByRole('link', { name: 'Rotate' }).count(), 0);
  await expired.getByRole('link', { name: 'Create again with these settings' }).click();
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Accounting - 2025');
});

test('counts, filter and sorting are in the URL', async () => {
  const { browser, guestway } = shared;
  await everyChip(guestway, 'sorted');
  const page = await visit(browser, guestway, 'sorted');
  await page.getByRole('link', { name: '1 expiring' }).click();
  assert.deepEqual(await names(page), ['Owner portal - production']);
  await page.getByRole('link', { name: 'Clear' }).click();
  await page.getByRole('link', { name: 'Name', exact: true }).click();
  const heading = page.getByRole('columnheader', { name: /^Name/ });
  assert.equal(await heading.getAttribute('aria-sort'), 'ascending');
  assert.equal((await names(page))[0], 'Accounting - 2025');
  await page.getByRole('searchbox').fill('PRODUCTION');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=/);
  const { searchParams } = new URL(page.url());
  assert.deepEqual([searchParams.get('q'), searchParams.get('sort')], ['PRODUCTION', 'name']);
  assert.ok((await names(page)).every((name) => name.endsWith('production')));
});

test('a filter that nothing matches is quoted, and can be cleared', async () => {
  const { browser, guestway } = shared;
  await guestway.createToken('filtered', 'Zapier', ['guests:read']);
  const page = await visit(browser, guestway, 'filtered');
  await page.getByRole('searchbox').fill('nothing <b>such</b>');
  await page.keyboard.press('Enter');
  await page.getByText('Nothing matches “nothing <b>such</b>”.').waitFor();
  await page.getByRole('link', { name: 'Clear' }).last().click();
  assert.deepEqual(await names(page), ['Zapier']);
});

test('two organizations cannot see each other', async () => {
  const { browser, guestway } = shared;
  const { id } = await guestway.createToken('owner', 'Private', ['guests:read']);
  const page = await visit(browser, guestway, 'stranger');
  await page.getByRole('heading', { name: 'No tokens yet' }).waitFor();
  const url = guestway.tokensUrl;
  const absent = '01a215c8-a5bd-7227-8e46-000000000000';
  for (const path of ['', '/rotate', '/remove']) {
    const answers = [];
    for (const shown of [id, absent]) {
      const answer = await page.goto(`${url}/${shown}${path}`);
      answers.push([answer.status(), (await page.locator('main').textContent()).replaceAll(shown, '')]);
    }
    assert.equal(answers[0][0], 404);
    assert.deepEqual(answers[0], answers[1]);
  }
  for (const form of [{ path: `/${id}/remove` }, { path: `/${id}`, name: 'Mine' }]) {
    const answer = await page.request.post(url + form.path, { form: { name: form.name ?? '' }, headers: { Origin: guestway.origin } });
    assert.equal(answer.status(), 404);
  }
  await page.goto(`${url}/audit`);
  assert.equal(await page.getByText('Private').count(), 0);
  assert.deepEqual((await guestway.tokens('owner')).map(({ name }) => name), ['Private']);
});

test('a visitor who may not edit sees why, and no buttons', async () => {
  const { browser, guestway } = shared;
  const { id } = await guestway.createToken('readers', 'Visible', ['guests:read']);
  const page = await visit(browser, guestway, 'readers', {}, '--read-only');
  const main = page.locator('main');
  for (const path of ['', `/${id}`]) {
    await page.goto(guestway.tokensUrl + path);
    await main.getByText('Visible').first().waitFor();
    for (const name of [/^Create /, /^Rotate/, /^Rename/, /^Remove/]) {
      assert.equal(await main.getByRole('button', { name }).count(), 0);
      assert.equal(await main.getByRole('link', { name }).count(), 0);
    }
  }
  await page.goto(guestway.tokensUrl);
  await main.locator('.dk-note').waitFor();
  for (const path of ['/new', `/${id}/rotate`, `/${id}/remove`]) {
    assert.equal((await page.goto(guestway.tokensUrl + path)).status(), 403, path);
  }
  for (const path of ['', `/${id}`, `/${id}/remove`]) {
    const form = { action: 'create', name: 'Forced', scope: 'guests:read', expires: '90' };
    const answer = await page.request.post(guestway.tokensUrl + path, { form, headers: { Origin: guestway.origin } });
    assert.equal(answer.status(), 403, path);
  }
  assert.deepEqual((await guestway.tokens('readers')).map(({ name }) => name), ['Visible']);
});

test('an organization without tokens sees where to begin', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'beginners');
  const empty = page.locator('.dk-empty');
  await empty.getByText(/lets one of your systems call the API/).waitFor();
  await empty.getByRole('link', { name: 'support@guestway.io' }).waitFor();
  await empty.getByRole('link', { name: 'Create token' }).waitFor();
});
