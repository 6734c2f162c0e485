//! Sample data, derived from an organization's id: the same at each start, except for the days, which
//! are relative to today. No two organizations share the id of a record.

mod places;
mod stays;
mod words;

use dualkey::OrganizationId;
use jiff::civil::Date;

use crate::model::{
    Content, CustomField, Guest, Organization, OrganizationUser, Role, Target, WhatsAppTemplate,
};
use crate::random::Random;
use crate::records::Records;

/// The organizations with a name of their own: id, name, city, time zone and currency. The name of
/// every other organization is its id.
const NAMED: [(&str, &str, &str, &str, &str); 2] = [
    ("harbour-stays", "Harbour Stays", "Lisbon", "Europe/Lisbon", "EUR"),
    ("alpine-homes", "Alpine Homes", "Davos", "Europe/Zurich", "CHF"),
];

/// The initial records of an organization.
pub(crate) fn records(id: &OrganizationId, today: Date) -> Records {
    let mut random = Random::seeded(id.as_str());
    let (organization, city) = organization(id.as_str(), &mut random);
    let users = users(&mut random);
    let guests: Vec<_> = (0..6).map(|_| guest(&mut random)).collect();
    let places = places::draw(&mut random, city);
    let stays = stays::draw(&mut random, today, organization.currency, &guests, &places.listings);
    let inbox = stays::inbox(&mut random, today, &stays.reservations, &users);
    Records {
        users,
        complexes: places.complexes,
        multi_units: places.multi_units,
        owners: places.owners,
        listings: places.listings,
        guests,
        reservations: stays.reservations,
        bookings: stays.bookings,
        accesses: stays.accesses,
        pre_check_in_responses: stays.pre_check_in_responses,
        conversations: inbox.conversations,
        messages: inbox.messages,
        custom_fields: custom_fields(&mut random),
        whatsapp_templates: whatsapp_templates(&mut random, &organization.name),
        organization,
        random,
    }
}

/// The organization and its city.
fn organization(id: &str, random: &mut Random) -> (Organization, &'static str) {
    let named = NAMED.iter().find(|(named, ..)| *named == id);
    let (_, name, city, time_zone, currency) =
        named.copied().unwrap_or_else(|| ("", id, random.pick(&words::CITIES), "Etc/UTC", "EUR"));
    (Organization { id: id.to_owned(), name: name.to_owned(), time_zone, currency }, city)
}

fn users(random: &mut Random) -> Vec<OrganizationUser> {
    [Role::Admin, Role::Manager, Role::Agent]
        .into_iter()
        .map(|role| {
            let (first, last) = (random.pick(&words::FIRST_NAMES), random.pick(&words::LAST_NAMES));
            OrganizationUser {
                id: random.id("usr"),
                name: format!("{first} {last}"),
                email: words::email(first, last),
                role,
            }
        })
        .collect()
}

fn guest(random: &mut Random) -> Guest {
    let first_name = random.pick(&words::FIRST_NAMES);
    let last_name = random.pick(&words::LAST_NAMES);
    Guest {
        id: random.id("gst"),
        first_name,
        last_name,
        email: words::email(first_name, last_name),
        phone: format!("+44 1632 960{:03}", random.below(1_000)), // reserved for fiction
        language: random.pick(&["de", "en", "es", "fr", "pt"]),
    }
}

fn custom_fields(random: &mut Random) -> Vec<CustomField> {
    let wifi = Content::Text(format!("WIFI-{:05}", random.below(100_000)));
    let parking = Content::Number((1 + random.below(40)).into());
    let allergies = Content::Text(random.pick(&["none", "nuts", "feathers"]).to_owned());
    let late = Content::Boolean(random.below(2) == 1);
    [
        ("Wi-Fi password", Target::Listing, wifi),
        ("Parking space", Target::Listing, parking),
        ("Late check-out agreed", Target::Reservation, late),
        ("Allergies", Target::Guest, allergies),
    ]
    .into_iter()
    .map(|(name, applies_to, value)| CustomField {
        id: random.id("cf"),
        name: name.to_owned(),
        applies_to,
        kind: value.kind(),
        value,
    })
    .collect()
}

fn whatsapp_templates(random: &mut Random, organization: &str) -> Vec<WhatsAppTemplate> {
    let welcome =
        format!("Hello {{{{1}}}}, welcome to {organization}! You can check in from 15:00.");
    let code = "Your code for {{1}} is {{2}}. It works from check-in to check-out.".to_owned();
    [("welcome", welcome), ("access_code", code)]
        .into_iter()
        .map(|(name, body)| WhatsAppTemplate { id: random.id("wat"), name, language: "en", body })
        .collect()
}
