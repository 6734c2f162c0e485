import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, row, visit } from '../support/browser.js';
import { suite } from '../support/suite.js';

const shared = suite();
const clipboard = { permissions: ['clipboard-read', 'clipboard-write'] };

/** The text of the clipboard after pressing *Copy*. */
async function copied(page) {
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByRole('status').filter({ hasText: 'Copied' }).waitFor();
  return page.evaluate(() => navigator.clipboard.readText());
}

/** Reloads the list until the row has this text: uses are written once a second. */
async function listed(page, name, text) {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await page.reload();
    const content = await row(page, name).first().textContent();
    if (content.includes(text)) return;
    await page.waitForTimeout(500);
  }
  assert.fail(`the row of ${name} does not show: ${text}`);
}

test('a token is created, copied, used, rotated and removed', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'harbour-stays', clipboard);
  const shown = await create(page, 'Door locks - production');
  const first = await copied(page);
  assert.equal(first, shown);
  assert.match(first, /^gw_\w+$/);
  await page.getByRole('link', { name: 'Done' }).click();
  assert.equal(page.url(), guestway.tokensUrl);
  assert.equal(await page.getByText(first).count(), 0);

  assert.equal(await guestway.requestStatus(first), 200);
  await listed(page, 'Door locks - production', 'by Door locks');

  await page.getByRole('link', { name: 'Rotate' }).click();
  assert.ok(await page.getByLabel('24 hours').isChecked());
  await page.getByRole('button', { name: 'Rotate token' }).click();
  const second = await copied(page);
  assert.notEqual(second, first);
  assert.equal(await guestway.requestStatus(first), 200);
  assert.equal(await guestway.requestStatus(second), 200);
  await page.getByRole('link', { name: 'Done' }).click();
  const old = page.getByRole('row').filter({ hasText: 'Replaced by' });
  await old.getByText('Replaced', { exact: true }).waitFor();

  await old.getByRole('button', { name: 'Remove' }).click();
  const dialog = page.getByRole('alertdialog');
  assert.match(await dialog.textContent(), /Used .* by Door locks: its requests will fail/);
  await dialog.getByRole('button', { name: 'Remove token' }).click();
  await page.getByText('The token Door locks - production was removed.').waitFor();
  assert.equal(await guestway.requestStatus(first), 401);
  assert.equal(await guestway.requestStatus(second), 200);
  assert.equal(await row(page, 'Door locks - production').count(), 1);
});
