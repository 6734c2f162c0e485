import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delay, row, visit } from '../support/browser.js';
import { suite } from '../support/suite.js';

const shared = suite();
const focused = (page) => page.locator(':focus');

async function openDialog(page, name) {
  await row(page, name).getByRole('button', { name: 'Remove' }).click();
  return page.getByRole('alertdialog');
}

test('a double click rotates once, and shows the new token', async () => {
  const { browser, guestway } = shared;
  await guestway.createToken('rotated', 'Zapier', ['guests:read'], '--expires-in', '1h');
  const page = await visit(browser, guestway, 'rotated');
  await row(page, 'Zapier').getByRole('link', { name: 'Rotate' }).click();
  await page.getByLabel('7 days').check();
  await delay(page);
  await page.getByRole('button', { name: 'Rotate token' }).dblclick({ delay: 60 });
  await page.getByRole('heading', { name: 'Token rotated' }).waitFor();
  assert.match(await page.locator('#dk-token').textContent(), /^gw_/);
  const tokens = await guestway.tokens('rotated');
  assert.equal(tokens.length, 2);
  const old = tokens.find(({ replaced_by }) => replaced_by);
  const left = Date.parse(old.expires) - Date.now();
  assert.ok(left <= 3_600_000, 'the overlap does not prolong the old token');
});

test('a token that another tab rotated is not rotated again', async () => {
  const { browser, guestway } = shared;
  const { id } = await guestway.createToken('tabs', 'Zapier', ['guests:read']);
  const page = await visit(browser, guestway, 'tabs');
  await row(page, 'Zapier').getByRole('link', { name: 'Rotate' }).click();
  await guestway.command('token', 'rotate', '--organization', 'tabs', id, '--overlap', '1h');
  await page.getByRole('button', { name: 'Rotate token' }).click();
  await page.getByRole('heading', { name: 'The token was not rotated' }).and(focused(page)).waitFor();
  assert.match(await page.title(), /^Error: /);
  assert.equal((await guestway.tokens('tabs')).length, 2);
});

test('the dialog names the token and what its removal breaks', async () => {
  const { browser, guestway } = shared;
  const { token } = await guestway.createToken('dialogs', 'Zapier', ['guests:read']);
  const page = await visit(browser, guestway, 'dialogs');
  const dialog = await openDialog(page, 'Zapier');
  const text = await dialog.textContent();
  assert.match(text, /Are you sure you want to remove this access token\?/);
  assert.ok(text.includes('Zapier') && text.includes(token.slice(-3)));
  assert.match(text, /It was never used\./);
  await dialog.getByRole('button', { name: 'Cancel' }).and(focused(page)).click();
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(await guestway.requestStatus(token), 200);
});

test('after a removal the notice has the focus, and the token ends', async () => {
  const { browser, guestway } = shared;
  const { token } = await guestway.createToken('removed', 'Zapier', ['guests:read']);
  assert.equal(await guestway.requestStatus(token), 200);
  const page = await visit(browser, guestway, 'removed');
  const dialog = await openDialog(page, 'Zapier');
  await dialog.getByRole('button', { name: 'Remove token' }).click();
  await page.getByText('The token Zapier was removed.').and(focused(page)).waitFor();
  assert.equal(await guestway.requestStatus(token), 401);
  await page.getByRole('link', { name: 'Audit trail' }).click();
  await page.getByRole('row').filter({ hasText: 'web:removed' }).getByRole('cell', { name: 'Removed', exact: true }).waitFor();
});

test('a token that another tab removed leads back to the list', async () => {
  const { browser, guestway } = shared;
  const { id } = await guestway.createToken('gone', 'Zapier', ['guests:read']);
  const page = await visit(browser, guestway, 'gone');
  const dialog = await openDialog(page, 'Zapier');
  await guestway.command('token', 'revoke', '--organization', 'gone', id, '--yes');
  await dialog.getByRole('button', { name: 'Remove token' }).click();
  await page.getByText('The token was already removed.').and(focused(page)).waitFor();
});
