use super::words;
use crate::model::{Complex, Listing, MultiUnit, Owner};
use crate::random::Random;

pub(crate) struct Places {
    pub(crate) complexes: Vec<Complex>,
    pub(crate) multi_units: Vec<MultiUnit>,
    pub(crate) owners: Vec<Owner>,
    pub(crate) listings: Vec<Listing>,
}

/// Two owners with two or three listings each; the first owner's form a multi-unit in a complex.
pub(crate) fn draw(random: &mut Random, city: &'static str) -> Places {
    let mut owners: Vec<_> = (0..2).map(|_| owner(random)).collect();
    let mut complex = complex(random, city);
    let mut multi_unit =
        MultiUnit { id: random.id("mu"), name: "Standard Studio".to_owned(), listing_ids: vec![] };
    let mut listings = Vec::new();
    for owner in &mut owners {
        let is_first = listings.is_empty();
        for _ in 0..2 + random.below(2) {
            let mut listing = listing(random, city, &owner.id);
            if is_first {
                listing.name = format!("Studio {}, {}", listings.len() + 1, complex.name);
                listing.complex_id = Some(complex.id.clone());
                listing.multi_unit_id = Some(multi_unit.id.clone());
            }
            owner.listing_ids.push(listing.id.clone());
            listings.push(listing);
        }
    }
    complex.listing_ids.clone_from(&owners[0].listing_ids);
    multi_unit.listing_ids.clone_from(&owners[0].listing_ids);
    Places { complexes: vec![complex], multi_units: vec![multi_unit], owners, listings }
}

fn owner(random: &mut Random) -> Owner {
    let (first, last) = (random.pick(&words::FIRST_NAMES), random.pick(&words::LAST_NAMES));
    Owner {
        id: random.id("own"),
        name: format!("{first} {last}"),
        email: words::email(first, last),
        listing_ids: Vec::new(),
    }
}

fn complex(random: &mut Random, city: &str) -> Complex {
    let number = 1 + random.below(120);
    Complex {
        id: random.id("cpx"),
        name: random.pick(&words::HOUSES).to_owned(),
        address: format!("{number} {}, {city}", random.pick(&words::STREETS)),
        listing_ids: Vec::new(),
    }
}

fn listing(random: &mut Random, city: &'static str, owner_id: &str) -> Listing {
    let bedrooms = random.pick(&[1, 2, 3]);
    Listing {
        id: random.id("lst"),
        name: random.pick(&words::HOUSES).to_owned(),
        city,
        bedrooms,
        max_guests: 2 * bedrooms,
        owner_id: owner_id.to_owned(),
        complex_id: None,
        multi_unit_id: None,
    }
}
