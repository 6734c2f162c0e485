import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, delay, fillForm, row, signIn, visit } from '../support/browser.js';
import { suite } from '../support/suite.js';

const shared = suite();
const submit = (page) => page.getByRole('button', { name: 'Create token' }).click();
const focused = (page) => page.evaluate(() => document.activeElement.textContent);

test('the token is in no field, title, attribute or URL', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'shown-once');
  const requests = [];
  page.on('request', (request) => requests.push(request.url(), JSON.stringify(request.headers())));
  const token = await create(page, 'Shown once');
  assert.equal(await focused(page), 'Token created');
  assert.ok(!(await page.title()).includes(token));
  const holders = await page.evaluate(
    (text) =>
      [...document.querySelectorAll('*')].filter(
        (element) =>
          [...element.attributes].some((attribute) => attribute.value.includes(text)) ||
          ('value' in element && String(element.value).includes(text)),
      ).length,
    token,
  );
  assert.equal(holders, 0);
  await page.getByRole('link', { name: 'Done' }).click();
  assert.ok(!requests.join().includes(token));
});

test('without a clipboard, an older way copies exactly the token', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'older-way');
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  const token = await create(page, 'By an older way');
  const copy = page.getByRole('button', { name: 'Copy', exact: true });
  await copy.click();
  await page.getByText('Copied', { exact: true }).waitFor();
  assert.equal(await focused(page), 'Copy');
  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('searchbox').focus();
  await page.keyboard.press('Control+V');
  assert.equal(await page.getByRole('searchbox').inputValue(), token);
});

test('where nothing can copy, the token is selected', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'no-clipboard');
  await page.addInitScript(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error('refused'));
    document.execCommand = () => false;
  });
  const token = await create(page, 'Selected');
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByText('Selected: press Ctrl+C').waitFor();
  assert.equal(await page.evaluate(() => getSelection().toString()), token);
  assert.equal(await page.getByText('Copied', { exact: true }).count(), 0);
});

test('a double click creates one token, and shows it', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'double-click');
  await fillForm(page, 'Once');
  await delay(page);
  await page.getByRole('button', { name: 'Create token' }).dblclick({ delay: 60 });
  await page.getByRole('heading', { name: 'Token created' }).waitFor();
  assert.match(await page.locator('#dk-token').textContent(), /^gw_/);
  assert.equal((await guestway.tokens('double-click')).length, 1);
});

test('a refused form says why, and keeps what was typed', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'refused');
  const long = '😀'.repeat(101);
  await fillForm(page, long, []);
  await page.getByLabel('Date', { exact: true }).fill('2020-01-01');
  await page.locator('form.dk-form').evaluate((form) => (form.noValidate = true));
  await submit(page);
  assert.equal(await page.title(), 'Error: Create token · API Access · Guestway');
  assert.equal(await focused(page), 'The token was not created');
  await page.getByRole('link', { name: 'Shorten the name to 100 characters: it has 101.' }).click();
  assert.equal(await page.evaluate(() => document.activeElement.name), 'name');
  const name = page.getByLabel('Name', { exact: true });
  assert.equal(await name.inputValue(), long);
  assert.equal(await name.getAttribute('aria-invalid'), 'true');
  await page.getByRole('link', { name: 'Choose at least one permission.' }).waitFor();
  await page.getByRole('link', { name: /^Choose a date from/ }).waitFor();
  assert.equal(await page.getByLabel('Date', { exact: true }).inputValue(), '2020-01-01');
  assert.ok(await page.getByLabel('On a date').isChecked());

  await name.fill('Mended');
  await page.getByLabel('Guests - Read').check();
  await page.getByLabel('In 90 days').check();
  await submit(page);
  await page.getByRole('heading', { name: 'Token created' }).waitFor();
});

test('the name of an active token is refused, and the scopes stay', async () => {
  const { browser, guestway } = shared;
  await guestway.createToken('taken', 'Zapier', ['guests:read']);
  const page = await visit(browser, guestway, 'taken');
  await fillForm(page, 'Zapier', ['guests:read', 'owners:read']);
  await submit(page);
  const error = page.getByRole('link', { name: /An active token has this name.*Zapier 2/ });
  await error.waitFor();
  assert.ok(await page.getByLabel('Guests - Read').isChecked());
  assert.ok(await page.getByLabel('Owners - Read').isChecked());
});

test('90 days are selected at first, and no permission', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'defaults');
  await fillForm(page, 'Defaults', []);
  assert.ok(await page.getByLabel('In 90 days').isChecked());
  assert.equal(await page.locator('input[name=scope]:checked').count(), 0);
  await page.getByText('Your organization has 0 of').waitFor();
});

test('script adds the local time, and chooses a typed date', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'elsewhere', { timezoneId: 'Asia/Tokyo' });
  await fillForm(page, 'Local', []);
  await page.getByLabel('Date', { exact: true }).fill('2099-05-01');
  assert.ok(await page.getByLabel('On a date').isChecked());
  const hint = page.getByText('ends at 23:59:59 UTC');
  assert.equal(await hint.textContent(), 'ends at 23:59:59 UTC (2099-05-02 08:59 your time)');
});

test('after signing in again, the form is filled in as before', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'interrupted');
  await fillForm(page, 'Kept', ['guests:read', 'owners:read']);
  await guestway.command('admin', 'sign-out', '--organization', 'interrupted');
  await submit(page);
  await page.getByRole('heading', { name: 'Signed out' }).waitFor();
  assert.deepEqual(await guestway.tokens('interrupted'), []);

  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByText('You are signed out.').waitFor();
  await signIn(page, await guestway.link('interrupted'));
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Kept');
  assert.ok(await page.getByLabel('Owners - Read').isChecked());
  assert.deepEqual(await guestway.tokens('interrupted'), []);
  await submit(page);
  await page.getByRole('link', { name: 'Done' }).click();
  assert.equal(await row(page, 'Kept').count(), 1);
});
