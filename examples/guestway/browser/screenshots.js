// Writes a picture of each state of the token page, in both colour schemes, to ../screenshots.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launch } from './support/browser.js';
import { Guestway } from './support/guestway.js';
import { opener, states } from './support/states.js';

const folder = fileURLToPath(new URL('../screenshots/', import.meta.url));
const viewport = { width: 1200, height: 560 };
// The same font on each machine: Debian's fonts-inter.
const fonts = fileURLToPath(new URL('support/fonts.conf', import.meta.url));

async function takeAll(browser, colorScheme) {
  const guestway = await Guestway.start();
  try {
    const open = opener(browser, guestway, { viewport, colorScheme });
    for (const [name, reach] of Object.entries(states)) {
      const page = await reach(open, guestway);
      const path = `${folder}${name}-${colorScheme}.png`;
      await page.screenshot({ path, fullPage: name !== 'remove-dialog', animations: 'disabled' });
      execFileSync('pngquant', ['--force', '--skip-if-larger', '--strip', '--speed=1', '--output', path, '64', path]);
      await page.context().close();
    }
  } finally {
    await guestway.stop();
  }
}

mkdirSync(folder, { recursive: true });
const browser = await launch({ env: { ...process.env, FONTCONFIG_FILE: fonts }, args: ['--font-render-hinting=none'] });
for (const colorScheme of ['light', 'dark']) await takeAll(browser, colorScheme);
await browser.close();
