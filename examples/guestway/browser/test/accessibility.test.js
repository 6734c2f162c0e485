import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, row, signIn, visit } from '../support/browser.js';
import { examine } from '../support/examine.js';
import { everyChip } from '../support/history.js';
import { opener, states } from '../support/states.js';
import { suite } from '../support/suite.js';

const shared = suite();

// Where scripts do not run, neither does axe-core. That state has the markup of `result`.
for (const [name, reach] of Object.entries(states).filter(([name]) => name !== 'result-no-script')) {
  test(`axe-core finds nothing in the state: ${name}`, async () => {
    const page = await reach(opener(shared.browser, shared.guestway), shared.guestway);
    await examine(page, name);
    // 400 % zoom of a window that is 1280 pixels wide (WCAG 1.4.10).
    await page.setViewportSize({ width: 320, height: 256 });
    await examine(page, `${name} at 400 %`);
    await page.context().close();
  });
}

test('axe-core finds nothing after changes and in the audit trail', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'changes');
  await create(page, 'Changed');
  await page.reload();
  await examine(page, 'a form that was sent before');
  await page.goto(guestway.tokensUrl);
  await row(page, 'Changed').getByRole('link').first().click();
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByText('The token was renamed.').waitFor();
  await examine(page, 'renamed');
  await page.getByRole('button', { name: 'Remove token' }).click();
  await page.getByText('The token Changed was removed.').waitFor();
  await examine(page, 'removed');
  await page.getByRole('link', { name: 'Audit trail' }).click();
  await page.getByRole('heading', { name: 'Audit trail' }).waitFor();
  await examine(page, 'audit trail');
  await page.goto(`${guestway.tokensUrl}/none`);
  await examine(page, 'not found');
});

test('axe-core finds nothing in what a reader and an operator see', async () => {
  const { browser, guestway } = shared;
  await everyChip(guestway, 'read-only');
  const reader = await visit(browser, guestway, 'read-only', {}, '--read-only');
  await examine(reader, 'list of a reader');
  await reader.goto(`${guestway.tokensUrl}/new`);
  await examine(reader, 'not allowed');
  await reader.goto(`${guestway.origin}/operator`);
  await examine(reader, 'no access');

  const operator = await (await browser.newContext()).newPage();
  const link = await guestway.operatorLink();
  await operator.goto(link);
  await examine(operator, 'sign-in');
  await signIn(operator, link);
  await operator.getByRole('link', { name: 'Door locks' }).waitFor();
  await examine(operator, 'partners');
  await operator.getByRole('link', { name: 'Door locks' }).click();
  await operator.getByRole('heading', { name: 'Door locks' }).waitFor();
  await examine(operator, 'partner');
  await operator.getByLabel('At once').fill('');
  await operator.getByRole('button', { name: 'Change limits' }).click();
  await operator.getByRole('heading', { name: 'The limits were not changed' }).waitFor();
  await examine(operator, 'limits with an error');
  await signIn(operator, link);
  await operator.getByRole('heading', { name: 'This link cannot be used any more' }).waitFor();
  await examine(operator, 'a link that was used');
});

test('a printed result masks the token and hides the controls', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'printed');
  const token = await create(page, 'Printed');
  await page.emulateMedia({ media: 'print' });
  const shown = await page.locator('body').innerText();
  assert.ok(!shown.includes(token));
  assert.ok(shown.includes(token.slice(-3)));
  assert.equal(await page.locator('button:visible').count(), 0);
});

test('with forced colours each chip keeps its border and its word', async () => {
  const { browser, guestway } = shared;
  await everyChip(guestway, 'forced');
  const page = await visit(browser, guestway, 'forced');
  await page.emulateMedia({ forcedColors: 'active' });
  const chips = page.locator('.dk-chip');
  assert.equal(await chips.count(), 7);
  for (const chip of await chips.all()) {
    const [border, icon] = await chip.evaluate((element) => [
      getComputedStyle(element).borderTopStyle,
      element.querySelector('svg').getBoundingClientRect().width,
    ]);
    assert.deepEqual([border, icon], ['solid', 12]);
  }
});

test('each page has one main heading and one live region', async () => {
  const { browser, guestway } = shared;
  const { id } = await guestway.createToken('headings', 'Zapier', ['guests:read']);
  const page = await visit(browser, guestway, 'headings');
  for (const path of ['', '/new', '/audit', `/${id}`, `/${id}/rotate`, `/${id}/remove`]) {
    await page.goto(guestway.tokensUrl + path);
    assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1, path);
    assert.equal(await page.locator('[role=status]:empty').count(), 1, path);
  }
});
