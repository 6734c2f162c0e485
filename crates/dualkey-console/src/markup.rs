use maud::{Markup, html};

use crate::context::Context;
use crate::site::Site;

/// The way back, and the heading of a page below the list.
pub(crate) fn heading<S: Site>(ctx: &Context<S>, title: &Markup) -> Markup {
    html! {
        nav.dk-crumbs aria-label="Breadcrumb" { a href=(ctx.links.home()) { (S::HOME) } }
        h1 { (title) }
    }
}

/// A name in its own bidirectional context, so that it disturbs no neighbour.
pub(crate) fn bdi(name: &str) -> Markup {
    html! { bdi { (name) } }
}

/// A name in a plain text, such as a title, between the isolates of Unicode (UAX #9 §2.4).
pub(crate) fn isolated(name: &str) -> String {
    format!("\u{2068}{name}\u{2069}")
}
