pub(crate) const FIRST_NAMES: [&str; 16] = [
    "Amara",
    "Benedikt",
    "Chiara",
    "Daniel",
    "Elif",
    "Fatima",
    "Gustav",
    "Hana",
    "Ines",
    "Jonas",
    "Katarzyna",
    "Luca",
    "Mei",
    "Nadia",
    "Oscar",
    "Priya",
];

pub(crate) const LAST_NAMES: [&str; 16] = [
    "Almeida", "Brunner", "Costa", "Dubois", "Eriksen", "Ferrari", "Gomez", "Haddad", "Ivanova",
    "Jensen", "Kowalska", "Lindt", "Moreau", "Novak", "Okafor", "Patel",
];

pub(crate) const CITIES: [&str; 6] = ["Bergen", "Davos", "Lagos", "Lisbon", "Porto", "Zermatt"];

pub(crate) const STREETS: [&str; 5] =
    ["Quay Street", "Mill Lane", "Station Road", "Lighthouse Walk", "Chapel Hill"];

pub(crate) const HOUSES: [&str; 8] = [
    "Anchor House",
    "Bell Tower",
    "Cedar Lodge",
    "Dune Cottage",
    "Elm Court",
    "Fern Villa",
    "Garden Rooms",
    "Heron Loft",
];

pub(crate) const QUESTIONS: [&str; 3] = [
    "I arrive by car and need a place to park.",
    "May we check in an hour earlier?",
    "Is there a cot for our baby?",
];

pub(crate) const ARRIVALS: [&str; 4] = ["15:00", "16:30", "18:00", "Late, after 22:00"];

/// An address at a reserved domain (RFC 2606 §3).
pub(crate) fn email(first: &str, last: &str) -> String {
    format!("{first}.{last}@example.com").to_lowercase()
}
