import assert from 'node:assert/strict';
import { test } from 'node:test';
import { row, visit } from '../support/browser.js';
import { suite } from '../support/suite.js';

const shared = suite();

/** Presses Tab until this element has the focus. */
async function tabTo(page, locator) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    if (await locator.evaluate((element) => element === document.activeElement)) return;
  }
  assert.fail(`Tab does not reach ${locator}`);
}

test('a token is created and copied with the keyboard alone', async () => {
  const { browser, guestway } = shared;
  const permissions = ['clipboard-read', 'clipboard-write'];
  const page = await visit(browser, guestway, 'keys', { permissions });
  await tabTo(page, page.getByRole('link', { name: 'Create token' }).first());
  await page.keyboard.press('Enter');
  await tabTo(page, page.getByLabel('Name', { exact: true }));
  await page.keyboard.type('Typed');
  await tabTo(page, page.getByLabel('Guests - Read'));
  await page.keyboard.press('Space');
  await tabTo(page, page.getByLabel('In 90 days'));
  await page.keyboard.press('ArrowUp');
  await tabTo(page, page.getByRole('button', { name: 'Create token' }));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Token created' }).and(page.locator(':focus')).waitFor();
  const copy = page.getByRole('button', { name: 'Copy', exact: true });
  await tabTo(page, copy);
  await page.keyboard.press('Enter');
  await page.getByText('Copied', { exact: true }).waitFor();
  await copy.and(page.locator(':focus')).waitFor();
  const token = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(await guestway.requestStatus(token), 200);
  await tabTo(page, page.getByRole('link', { name: 'Done' }));
  await page.keyboard.press('Enter');
  await row(page, 'Typed').getByText('in 60 days').waitFor();
});

test('a dialog keeps the focus, and gives it back on Escape', async () => {
  const { browser, guestway } = shared;
  const { token } = await guestway.createToken('escape', 'Kept', ['guests:read']);
  const page = await visit(browser, guestway, 'escape');
  const remove = row(page, 'Kept').getByRole('button', { name: 'Remove' });
  await tabTo(page, remove);
  await page.keyboard.press('Enter');
  const cancel = page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' });
  await cancel.and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Tab');
  await page.getByRole('button', { name: 'Remove token' }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Escape');
  await remove.and(page.locator(':focus')).waitFor();
  assert.equal(await guestway.requestStatus(token), 200);
});

test('each focus is visible, and each target is 24 pixels high', async () => {
  const { browser, guestway } = shared;
  await guestway.createToken('targets', 'Zapier', ['guests:read']);
  const page = await visit(browser, guestway, 'targets');
  const stops = await page.locator('main :is(a, button, input):visible').all();
  assert.ok(stops.length >= 8);
  for (const stop of stops) {
    await page.keyboard.press('Tab');
    await stop.focus();
    const style = await stop.evaluate((element) => getComputedStyle(element).outlineWidth);
    const { height } = await stop.boundingBox();
    assert.ok(height >= 24, `${await stop.textContent()} is ${height} pixels high`);
    assert.equal(style, '2px', await stop.textContent());
  }
});

test('each remove button is described by the name of its row', async () => {
  const { browser, guestway } = shared;
  await guestway.createToken('described', 'First', ['guests:read']);
  await guestway.createToken('described', 'Second', ['guests:read']);
  const page = await visit(browser, guestway, 'described');
  for (const name of ['First', 'Second']) {
    const button = row(page, name).getByRole('button', { name: 'Remove' });
    const snapshot = await button.evaluate((element) => {
      const described = document.getElementById(element.getAttribute('aria-describedby'));
      return described.textContent;
    });
    assert.equal(snapshot, name);
  }
});
