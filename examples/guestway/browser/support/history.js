const day = 1;
const minute = 1 / 1440;

/** Gives an organization tokens of every state, with a past. The first partner has used some of them. */
export async function everyChip(guestway, organization) {
  const token = async (name, scopes, times) => {
    const { id } = await guestway.createToken(organization, name, scopes, '--actor', `alice@${organization}.example`);
    await backdate(guestway, id, times);
    return id;
  };
  await token('Accounting - 2025', ['owners:read', 'bookings:read'], {
    created_at: -400 * day,
    first_used_at: -399 * day,
    last_used_at: -12 * day,
    expires_at: -5 * day,
  });
  await token('Smart home pilot', ['reservation-accesses:read'], { created_at: -21 * day });
  await token('Data warehouse - nightly', ['full:read'], {
    created_at: -310 * day,
    first_used_at: -309 * day,
    last_used_at: -121 * day,
  });
  await token('Owner portal - production', ['owners:read', 'listings:read', 'complexes:read', 'multi-units:read'], {
    created_at: -80 * day,
    first_used_at: -80 * day,
    last_used_at: -2 / 24,
    expires_at: 10 * day,
  });
  await token('Channel manager - production', ['reservations:read', 'conversations:edit', 'messages:send'], {
    created_at: -45 * day,
    first_used_at: -45 * day,
    last_used_at: -3 * minute,
    expires_at: 320 * day,
  });
  await pair(guestway, organization);
}

/** A rotated token, whose successor was used after it. */
async function pair(guestway, organization) {
  const scopes = ['reservations:read', 'reservation-accesses:read'];
  const actor = ['--actor', `alice@${organization}.example`];
  const old = await guestway.createToken(organization, 'Door locks - production', scopes, '--expires-in', '90d', ...actor);
  const rotate = ['token', 'rotate', '--organization', organization, old.id, '--overlap', '24h'];
  const successor = await guestway.command(...rotate, ...actor);
  await backdate(guestway, old.id, { created_at: -60 * day, first_used_at: -60 * day, last_used_at: -5 / 24 });
  await backdate(guestway, successor.id, { created_at: -6 / 24, first_used_at: -4 / 24, last_used_at: -9 * minute });
}

/** Gives a token a past, which no command can. The times are in days from now. */
async function backdate(guestway, id, times) {
  const text = (days) => `strftime('%Y-%m-%dT%H:%M:%S.000000Z', 'now', '${days * 86_400} seconds')`;
  const columns = Object.entries(times).map(([column, days]) => `${column} = ${text(days)}`);
  if (times.last_used_at) columns.push(`last_used_by = '${guestway.partner.id}'`);
  await guestway.sql(`
    update dualkey_tokens set ${columns.join(', ')} where id = '${id}';
    update dualkey_audit set done_at = ${text(times.created_at)} where '${id}' in (subject, detail);
  `);
}
