import { after, before } from 'node:test';
import { launch } from './browser.js';
import { Guestway } from './guestway.js';

/** One server and one browser for the tests of a file. Their fields are set before the first test. */
export function suite(browserOptions) {
  const shared = {};
  before(async () => {
    shared.guestway = await Guestway.start();
    shared.browser = await launch(browserOptions);
  });
  after(async () => {
    await shared.browser?.close();
    await shared.guestway?.stop();
  });
  return shared;
}
