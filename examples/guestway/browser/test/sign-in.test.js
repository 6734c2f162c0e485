import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signIn, visit } from '../support/browser.js';
import { suite } from '../support/suite.js';

const shared = suite();

test('opening a link spends nothing, and its button signs in', async () => {
  const { browser, guestway } = shared;
  const link = await guestway.link('scanned', '--user', 'alice@scanned.example');
  assert.equal((await fetch(link)).status, 200);
  const page = await browser.newPage();
  await signIn(page, link);
  assert.equal(page.url(), guestway.tokensUrl);
  await page.getByText('alice@scanned.example').waitFor();
});

test('a link that was used does not sign in again', async () => {
  const { browser, guestway } = shared;
  const link = await guestway.link('replayed');
  await signIn(await browser.newPage(), link);
  const other = await (await browser.newContext()).newPage();
  await signIn(other, link);
  await other.getByRole('heading', { name: 'This link cannot be used any more' }).waitFor();
  await other.goto(guestway.tokensUrl);
  assert.equal(other.url(), `${guestway.origin}/sign-in`);
});

test('a link ends after ten minutes', async () => {
  const { browser, guestway } = shared;
  const link = await guestway.link('late');
  await guestway.sql('update guestway_links set expires_at = expires_at - 601');
  const page = await browser.newPage();
  await signIn(page, link);
  await page.getByRole('heading', { name: 'This link cannot be used any more' }).waitFor();
});

test('signing out ends the session on the server too', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'leaving');
  const cookies = await page.context().cookies();
  await page.getByRole('button', { name: 'Sign out' }).click();
  assert.equal(page.url(), `${guestway.origin}/sign-in`);
  assert.deepEqual(await page.context().cookies(), []);
  await page.context().addCookies(cookies);
  await page.goto(guestway.tokensUrl);
  assert.equal(page.url(), `${guestway.origin}/sign-in`);
});

test('a command ends the sessions of an organization', async () => {
  const { browser, guestway } = shared;
  const [ended, other] = [await visit(browser, guestway, 'ended'), await visit(browser, guestway, 'other')];
  await guestway.command('admin', 'sign-out', '--organization', 'ended');
  await Promise.all([ended.reload(), other.reload()]);
  assert.equal(ended.url(), `${guestway.origin}/sign-in`);
  assert.equal(other.url(), guestway.tokensUrl);
});

test('no script and no other site can read the session', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'cookies');
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'Lax', '/']);
  assert.equal(await page.evaluate('document.cookie'), '');
});

test('signing in leads to the page that was asked for, if it is one', async () => {
  const { browser, guestway } = shared;
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${guestway.tokensUrl}/audit`);
  await signIn(page, await guestway.link('asked-for'));
  assert.equal(page.url(), `${guestway.tokensUrl}/audit`);
  assert.equal((await page.context().cookies()).length, 1);

  for (const value of ['//other.example/', '/settings/api-access.other', '/operator']) {
    await page.context().addCookies([{ name: 'guestway-page', value, url: guestway.origin }]);
    await signIn(page, await guestway.link('asked-for'));
    assert.equal(page.url(), guestway.tokensUrl, value);
  }
});

test('operators and organizations do not see the other page', async () => {
  const { browser, guestway } = shared;
  const operator = await (await browser.newContext()).newPage();
  await signIn(operator, await guestway.operatorLink());
  assert.equal(operator.url(), `${guestway.origin}/operator`);
  await operator.getByRole('link', { name: 'Door locks' }).waitFor();
  assert.equal((await operator.goto(guestway.tokensUrl)).status(), 403);

  const organization = await visit(browser, guestway, 'curious');
  assert.equal((await organization.goto(`${guestway.origin}/operator`)).status(), 403);
  assert.equal(await organization.getByText('Door locks').count(), 0);
});
