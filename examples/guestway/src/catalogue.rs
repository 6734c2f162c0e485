use dualkey::{Catalogue, Prefix};

/// The prefix of the Open API's tokens.
pub const PREFIX: Prefix = Prefix::new("gw");

/// The scopes of the Open API, in the order in which the product lists them.
const SCOPES: [(&str, &str); 18] = [
    (FULL_READ, "Full Access - Read"),
    (FULL_EDIT, "Full Access - Edit"),
    ("reservations:read", "Reservations - Read"),
    ("bookings:read", "Bookings - Read"),
    ("reservation-accesses:read", "Reservation Accesses - Read"),
    ("conversations:read", "Conversations - Read"),
    ("conversations:edit", "Conversations - Edit"),
    (SEND, "Messages - Send"),
    ("guests:read", "Guests - Read"),
    ("owners:read", "Owners - Read"),
    ("organization-users:read", "Organization Users - Read"),
    ("listings:read", "Listings - Read"),
    ("multi-units:read", "Multi-Units - Read"),
    ("complexes:read", "Complexes - Read"),
    ("custom-fields:read", "Custom Field - Read"),
    ("custom-fields:edit", "Custom Field - Edit"),
    ("pre-check-in-responses:read", "Pre-Check-In Responses - Read"),
    ("whatsapp-templates:read", "WhatsApp Templates - Read"),
];

const FULL_READ: &str = "full:read";
const FULL_EDIT: &str = "full:edit";
const SEND: &str = "messages:send";

/// The scopes of the Open API and their implications: `full:read` implies every `…:read`, `full:edit`
/// implies everything, and `…:edit` implies `…:read` of the same resource.
///
/// # Panics
///
/// Never: the declarations are constant and covered by a test.
#[must_use]
pub fn catalogue() -> Catalogue {
    let names = || SCOPES.iter().map(|(name, _)| *name);
    let mut builder = Catalogue::builder();
    for (name, label) in SCOPES {
        builder = builder.scope(name, label);
    }
    for edit in names().filter(|name| *name != FULL_EDIT) {
        if let Some(resource) = edit.strip_suffix(":edit") {
            builder = builder.implies(edit, [format!("{resource}:read")]);
        }
    }
    let reads = names().filter(|name| name.ends_with(":read") && *name != FULL_READ);
    let edits = names().filter(|name| name.ends_with(":edit") && *name != FULL_EDIT);
    builder
        .implies(FULL_READ, reads)
        .implies(FULL_EDIT, edits.chain([FULL_READ, SEND]))
        .build()
        .expect("each scope is declared once, and the implications have no cycle")
}

#[cfg(test)]
mod tests {
    use super::{SCOPES, catalogue};

    fn implied_by(name: &str) -> Vec<String> {
        let catalogue = catalogue();
        let granted = catalogue.grant([name]).unwrap();
        catalogue.names(&granted).map(str::to_owned).collect()
    }

    #[test]
    fn full_read_implies_every_read_scope_and_nothing_else() {
        let reads = SCOPES.iter().map(|(name, _)| *name).filter(|name| name.ends_with(":read"));
        assert_eq!(implied_by("full:read"), reads.collect::<Vec<_>>());
    }

    #[test]
    fn full_edit_implies_every_scope() {
        assert_eq!(implied_by("full:edit").len(), SCOPES.len());
    }

    #[test]
    fn an_edit_scope_implies_only_the_read_scope_of_its_resource() {
        for resource in ["conversations", "custom-fields"] {
            let both = [format!("{resource}:read"), format!("{resource}:edit")];
            assert_eq!(implied_by(&both[1]), both);
        }
        assert_eq!(implied_by("messages:send"), ["messages:send"]);
    }

    #[test]
    fn scopes_are_listed_in_declaration_order() {
        let catalogue = catalogue();
        let listed = catalogue.scopes().iter().map(|scope| (scope.name(), scope.label()));
        assert_eq!(listed.collect::<Vec<_>>(), SCOPES);
    }
}
