// The pages work without this script. It sends a form once, copies a token, takes it away when the page
// is left, and adds local times.
(() => {
  'use strict';
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => document.querySelectorAll(selector);

  // A second click within the round trip would send a second form, and lose the answer to the first.
  for (const form of all('form[data-dk-once]')) {
    form.addEventListener('submit', (event) => {
      if (form.dataset.dkSent) event.preventDefault();
      form.dataset.dkSent = 'true';
      if (one('.dk-status')) one('.dk-status').textContent = 'Sending…';
    });
  }

  // Browsers before Chrome 135, Firefox 144 and Safari 26.2 ignore `command`.
  if (!('commandForElement' in HTMLButtonElement.prototype)) {
    for (const button of all('button[commandfor]')) {
      const dialog = document.getElementById(button.getAttribute('commandfor'));
      const opens = button.getAttribute('command') === 'show-modal';
      button.addEventListener('click', () => (opens ? dialog.showModal() : dialog.close()));
    }
  }

  // Replaces the entry of the history, so that going back reaches the form.
  for (const link of all('a[data-dk-done]')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      location.replace(link.href);
    });
  }

  const token = one('#dk-token');
  const select = () => getSelection().selectAllChildren(token);

  // Whether the clipboard holds the token. `navigator.clipboard` is absent on a plain-http host.
  const copied = async () => {
    try {
      await navigator.clipboard.writeText(token.textContent);
      return true;
    } catch {
      select();
      return document.execCommand('copy');
    }
  };

  const copy = one('[data-dk-copy]');
  if (token && copy) {
    const status = one('.dk-copied');
    copy.hidden = false;
    copy.addEventListener('click', async () => {
      status.textContent = '';
      const done = await copied();
      if (done) getSelection().removeAllRanges();
      else select();
      setTimeout(() => (status.textContent = done ? 'Copied' : 'Selected: press Ctrl+C'));
      copy.focus();
    });
  }

  addEventListener('pagehide', () => {
    if (token) token.textContent = '';
  });
  addEventListener('pageshow', (event) => {
    for (const form of all('form[data-dk-sent]')) delete form.dataset.dkSent;
    for (const status of all('.dk-status')) status.textContent = '';
    if (!event.persisted) return;
    if (token) location.replace(one('a[data-dk-done]').href);
    else if (!one('.dk-errors')) location.reload();
  });

  // Swedish writes a time as the page writes it in UTC: 2026-11-26 02:50.
  const format = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' });
  const local = (time) => ` (${format.format(time)} your time)`;
  const isUtc = new Date().getTimezoneOffset() === 0;
  for (const time of isUtc ? [] : all('.dk-facts .dk-exact, .dk-note .dk-exact')) {
    const span = document.createElement('span');
    span.className = 'dk-local';
    span.textContent = local(new Date(time.dateTime));
    time.after(span);
  }

  const date = one('#dk-date');
  date?.addEventListener('input', () => {
    one('input[name="expires"][value="date"]').checked = true;
    const end = new Date(`${date.value}T23:59:59Z`);
    one('#dk-date-hint .dk-local').textContent = isUtc || Number.isNaN(end.getTime()) ? '' : local(end);
  });
})();
