import { after, before } from 'node:test';
import { launch } from './browser.js';
import { Guestway } from './guestway.js';

/**
 * One server and one browser for the tests of a file. Their fields are set before the first test. `serve` are
 * options of the server.
 */
export function suite(browserOptions, ...serve) {
  const shared = {};
  before(async () => {
    shared.guestway = await Guestway.start(...serve);
    shared.browser = await launch(browserOptions);
  });
  after(async () => {
    await shared.browser?.close();
    await shared.guestway?.stop();
  });
  return shared;
}
