import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, delay, fillForm, row, visit } from '../support/browser.js';
import { suite } from '../support/suite.js';

const shared = suite();
const withoutScript = { javaScriptEnabled: false };

test('the token is shown without script, and no button to copy it', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'plain', withoutScript);
  const token = await create(page, 'Plain');
  assert.equal(await guestway.requestStatus(token), 200);
  await page.locator('h1:focus').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Copy' }).count(), 0);
  await page.getByRole('link', { name: 'Done' }).click();
  assert.equal(page.url(), guestway.tokensUrl);
  await row(page, 'Plain').waitFor();
});

test('a form sent twice offers to replace the unseen token', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'twice', withoutScript);
  await fillForm(page, 'Unseen');
  const posts = [];
  page.on('request', (request) => request.method() === 'POST' && posts.push(request));
  await delay(page);
  // Clicks without a delay send one form only.
  await page.getByRole('button', { name: 'Create token' }).dblclick({ delay: 60 });
  await page.getByRole('heading', { name: 'Token already created' }).waitFor();
  assert.equal(posts.length, 2);
  await page.getByRole('button', { name: 'Replace the token' }).click();
  const token = await page.locator('#dk-token').textContent();
  assert.equal(await guestway.requestStatus(token), 200);
  const tokens = await guestway.tokens('twice');
  assert.deepEqual(tokens.map(({ name }) => name), ['Unseen']);
});

test('a dialog opens, closes and removes without script', async () => {
  const { browser, guestway } = shared;
  await guestway.createToken('dialog', 'Removable', ['guests:read']);
  const page = await visit(browser, guestway, 'dialog', withoutScript);
  const remove = row(page, 'Removable').getByRole('button', { name: 'Remove' });
  await remove.click();
  const dialog = page.getByRole('alertdialog');
  await dialog.getByRole('button', { name: 'Cancel' }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await remove.and(page.locator(':focus')).waitFor();
  await remove.click();
  await dialog.getByRole('button', { name: 'Remove token' }).click();
  await page.getByText('The token Removable was removed.').and(page.locator(':focus')).waitFor();
  await page.getByRole('heading', { name: 'No tokens yet' }).waitFor();
});

test('a token is renamed, rotated and removed on its own page', async () => {
  const { browser, guestway } = shared;
  await guestway.createToken('own-page', 'Before', ['guests:read']);
  const page = await visit(browser, guestway, 'own-page', withoutScript);
  await page.getByRole('link', { name: 'Before' }).click();
  await page.getByLabel('Name', { exact: true }).fill('After');
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('heading', { name: 'After', level: 1 }).waitFor();
  await page.getByText('The token was renamed.').waitFor();
  await page.getByRole('link', { name: 'Rotate' }).click();
  await page.getByLabel('It ends now').check();
  await page.getByRole('button', { name: 'Rotate token' }).click();
  assert.equal(await guestway.requestStatus(await page.locator('#dk-token').textContent()), 200);
  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'After' }).first().click();
  await page.getByRole('button', { name: 'Remove token' }).click();
  await page.getByText('The token After was removed.').waitFor();
});
