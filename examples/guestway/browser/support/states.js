import { create, fillForm, row, visit } from './browser.js';
import { everyChip } from './history.js';

const scopes = ['reservations:read', 'conversations:edit'];

/** The states of the token page, by name: each opens a page that shows it, with these context options. */
export const states = {
  empty: async (open) => open('empty'),

  list: async (open, guestway) => {
    await everyChip(guestway, 'harbour-stays');
    return open('harbour-stays');
  },

  'list-narrow': async (open, guestway) => {
    await everyChip(guestway, 'narrow');
    return open('narrow', { viewport: { width: 360, height: 740 } });
  },

  'no-match': async (open, guestway) => {
    await everyChip(guestway, 'unmatched');
    const page = await open('unmatched');
    await page.getByRole('searchbox').fill('Zapier');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByText('Nothing matches').waitFor();
    return page;
  },

  form: async (open) => {
    const page = await open('form');
    await fillForm(page, 'Channel manager - production', scopes);
    return page;
  },

  'form-errors': async (open, guestway) => {
    await guestway.createToken('errors', 'Zapier', ['guests:read']);
    const page = await open('errors');
    await fillForm(page, 'x'.repeat(101), []);
    await page.getByLabel('Date', { exact: true }).fill('2020-01-01');
    await page.getByRole('button', { name: 'Create token' }).click();
    await page.getByRole('heading', { name: 'The token was not created' }).waitFor();
    return page;
  },

  result: async (open) => {
    const page = await open('result', { permissions: ['clipboard-write'] });
    await create(page, 'Channel manager - production', scopes);
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    await page.getByText('Copied', { exact: true }).waitFor();
    return page;
  },

  'result-no-script': async (open) => {
    const page = await open('no-script', { javaScriptEnabled: false });
    await create(page, 'Channel manager - production', scopes);
    return page;
  },

  rotate: async (open, guestway) => {
    await everyChip(guestway, 'rotating');
    const page = await open('rotating');
    await row(page, 'Channel manager - production').getByRole('link', { name: 'Rotate' }).click();
    await page.getByRole('button', { name: 'Rotate token' }).waitFor();
    return page;
  },

  'remove-dialog': async (open, guestway) => {
    await everyChip(guestway, 'removing');
    const page = await open('removing', { viewport: { width: 1200, height: 900 } });
    await row(page, 'Channel manager - production').getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('alertdialog').waitFor();
    return page;
  },

  token: async (open, guestway) => {
    await everyChip(guestway, 'one-token');
    const page = await open('one-token');
    await row(page, 'Door locks - production').first().getByRole('link').first().click();
    await page.getByRole('heading', { name: 'History' }).waitFor();
    return page;
  },

  'signed-out': async (open, guestway) => {
    const page = await open('signed-out');
    await fillForm(page, 'Channel manager - production', scopes);
    await guestway.command('admin', 'sign-out', '--organization', 'signed-out');
    await page.getByRole('button', { name: 'Create token' }).click();
    await page.getByRole('heading', { name: 'Signed out' }).waitFor();
    return page;
  },
};

/** Opens pages of a browser in one colour scheme, signed in as a user of an organization. */
export function opener(browser, guestway, options) {
  return (organization, more) => {
    const user = `alice@${organization}.example`;
    return visit(browser, guestway, organization, { ...options, ...more }, '--user', user);
  };
}
