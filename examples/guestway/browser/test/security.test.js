import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { create, row, signIn, visit } from '../support/browser.js';
import { suite } from '../support/suite.js';

// Both names are of this machine, by plain HTTP, and neither is a loopback address to the browser.
const rules = '--host-resolver-rules=MAP console.test 127.0.0.1,MAP attacker.test 127.0.0.1';
const shared = suite({ args: [rules] });
const attacker = {};

before(async () => {
  attacker.server = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(attacker.page);
  });
  await new Promise((listening) => attacker.server.listen(0, '127.0.0.1', listening));
  attacker.port = attacker.server.address().port;
});
after(() => attacker.server.close());

/** The page of a site that sends a form to the token page when its button is pressed. */
function forgery(target) {
  const fields = { action: 'create', name: 'Forged', scope: 'full:edit', expires: '90' };
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
  return `<form method="post" action="${target}">${inputs.join('')}<button>Win a prize</button></form>`;
}

for (const host of ['127.0.0.1', 'console.test']) {
  test(`a form of another site is refused at ${host}`, async () => {
    const { browser, guestway } = shared;
    const organization = `forged-${host}`.replace('.test', '');
    const origin = `http://${host}:${guestway.port}`;
    const page = await (await browser.newContext()).newPage();
    await signIn(page, (await guestway.link(organization)).replace(guestway.origin, origin));
    await page.getByRole('heading', { name: 'No tokens yet' }).waitFor();
    const url = `${origin}/settings/api-access`;
    // Another port is another origin of the same site, whose forms carry the cookie all the same.
    for (const site of [`http://attacker.test:${attacker.port}`, `http://${host}:${attacker.port}`]) {
      attacker.page = forgery(url);
      await page.goto(site);
      const answer = page.waitForResponse(url);
      await page.getByRole('button').click();
      assert.equal((await answer).status(), 403, site);
      await page.getByText('The form was sent from another site. Nothing was changed.').waitFor();
    }
    assert.deepEqual(await guestway.tokens(organization), []);
    await page.goto(url);
    const token = await create(page, 'Own form');
    assert.equal(await guestway.requestStatus(token), 200);
  });
}

test('no page can be framed', async () => {
  const { browser, guestway } = shared;
  const page = await visit(browser, guestway, 'framed');
  for (const path of ['/settings/api-access', '/operator', '/sign-in']) {
    attacker.page = `<iframe src="${guestway.origin}${path}"></iframe>`;
    const refused = page.waitForEvent('console', (message) => /frame-ancestors/.test(message.text()));
    await page.goto(`http://127.0.0.1:${attacker.port}`);
    await refused;
  }
});

test('every answer has the headers, and all come from one origin', async () => {
  const { browser, guestway } = shared;
  const page = await (await browser.newContext()).newPage();
  const responses = [];
  const problems = [];
  page.on('response', (response) => responses.push(response));
  page.on('console', (message) => problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  await signIn(page, await guestway.link('headers'));
  await create(page, 'Headers');
  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'Headers' }).click();
  await page.getByRole('link', { name: 'Rotate' }).click();
  await page.getByRole('button', { name: 'Rotate token' }).click();
  await page.getByRole('heading', { name: 'Token rotated' }).waitFor();
  assert.ok(responses.length >= 10);
  for (const response of responses) {
    assert.ok(response.url().startsWith(`${guestway.origin}/`), response.url());
    const headers = await response.allHeaders();
    assert.match(headers['content-security-policy'], /^(?=.*default-src 'none')(?=.*frame-ancestors 'none')/);
    assert.ok(!headers['content-security-policy'].includes('unsafe'));
    assert.equal(headers['referrer-policy'], 'same-origin');
    assert.equal(headers['x-content-type-options'], 'nosniff');
  }
  assert.deepEqual(problems, []);
});

test('no secret reaches a log, a URL or a referrer', async () => {
  const { browser, guestway } = shared;
  const page = await (await browser.newContext()).newPage();
  const sent = [];
  page.on('request', (request) => sent.push(request.url(), request.headers().referer ?? ''));
  const link = await guestway.link('secrets');
  await signIn(page, link);
  const [{ value: session }] = await page.context().cookies();
  const token = await create(page, 'Secret');
  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'Secret' }).click();
  assert.ok(guestway.log.includes('/settings/api-access'));
  const code = link.split('/').pop();
  for (const [name, secret] of Object.entries({ code, session, token })) {
    assert.ok(!guestway.log.includes(secret), `the log holds the ${name}`);
  }
  // The code is in the link's own URL, and in the referrer of that page's form and style sheet.
  const after = sent.slice(sent.indexOf(guestway.tokensUrl) + 2);
  assert.ok(after.length > 0);
  for (const secret of [code, session, token]) assert.ok(!after.join().includes(secret));
});

test('names are shown as they are, and run nothing', async () => {
  const { browser, guestway } = shared;
  const names = [
    '<script>window.hit = 1</script>',
    '"><img src=x onerror="window.hit = 1">',
    'left \u202e thgir \u2066 open',
    '😀'.repeat(100),
    'مفتاح الإنتاج',
  ];
  const page = await visit(browser, guestway, 'names');
  for (const name of names) await guestway.createToken('names', name, ['guests:read']);
  const { id } = (await guestway.tokens('names'))[0];
  for (const path of ['', '/audit', `/${id}`, `/${id}/rotate`, '?q=%3Cscript%3E']) {
    await page.goto(guestway.tokensUrl + path);
    assert.equal(await page.evaluate('window.hit'), undefined);
    assert.equal(await page.locator('main script, main img').count(), 0);
    const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(width <= 0, `${path} is ${width} pixels too wide`);
  }
  await page.goto(guestway.tokensUrl);
  const shown = await page.locator('td.dk-name > a').allTextContents();
  assert.deepEqual([...shown].sort(), [...names].sort());
  // The text after the name stands to its right, in the usual order.
  await row(page, names[2]).getByRole('button', { name: 'Remove' }).click();
  const mask = page.getByRole('alertdialog').locator('.dk-mask');
  const name = page.getByRole('alertdialog').locator('bdi');
  assert.ok((await mask.boundingBox()).x > (await name.boundingBox()).x);
  assert.equal(await mask.evaluate((element) => getComputedStyle(element).direction), 'ltr');
});
