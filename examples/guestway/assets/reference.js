// Tries the operations of the reference out. The credentials stay in the inputs of the page.
const credentials = document.querySelector('.gw-credentials');
credentials.hidden = false;
credentials.addEventListener('submit', (event) => event.preventDefault());
for (const details of document.querySelectorAll('.gw-try')) details.hidden = false;

/** The path with the values of the form, and its query. */
function target(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const input of form.querySelectorAll('input')) {
    if (input.dataset.in === 'path') path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.set(input.name, input.value);
  }
  return query.size ? `${path}?${query}` : path;
}

function request(form) {
  const headers = {};
  const key = document.querySelector('#partner-key').value.trim();
  const token = document.querySelector('#access-token').value.trim();
  if (key) headers['X-Api-Key'] = key;
  if (token) headers.Authorization = `Bearer ${token}`;
  const body = form.elements.body?.value;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  return { method: form.dataset.method.toUpperCase(), headers, body };
}

/** The text of a body, indented if it is JSON. */
function readable(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function show(result, status, fields, body) {
  const line = document.createElement('p');
  line.textContent = status;
  const blocks = [fields, body].filter(Boolean).map((text) => {
    const block = document.createElement('pre');
    block.tabIndex = 0;
    block.textContent = text;
    return block;
  });
  result.replaceChildren(line, ...blocks);
}

async function send(form) {
  const result = form.querySelector('.gw-result');
  result.replaceChildren();
  const { method, ...options } = request(form);
  const url = target(form);
  try {
    const answer = await fetch(url, { method, ...options, cache: 'no-store', credentials: 'omit' });
    const fields = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    show(result, `${method} ${url}: ${answer.status} ${answer.statusText}`, fields, readable(await answer.text()));
  } catch (error) {
    show(result, `${method} ${url} was not answered: ${error.message}`);
  }
}

for (const form of document.querySelectorAll('.gw-try form')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    send(form);
  });
}
