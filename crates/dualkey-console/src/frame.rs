use std::sync::Arc;

use maud::{DOCTYPE, PreEscaped, html};

/// The content of a page, for the embedding program's [frame](crate::ConsoleBuilder::frame). All texts
/// but `title` and `actor` are HTML, in which names are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageContent {
    /// The title as plain text: escape it. It holds no secret.
    pub title: String,
    /// The elements for `<head>`: the style sheet and the script.
    pub head: String,
    /// One `<div class="dk">` for `<body>`. It has the only `<h1>`, and no `<main>`.
    pub body: String,
    /// The visitor's name as plain text: escape it. `None` where the access function did not admit the
    /// request.
    pub actor: Option<String>,
}

pub(crate) type Frame = Arc<dyn Fn(&PageContent) -> String + Send + Sync>;

/// The frame of a program that has none.
pub(crate) fn plain_frame() -> Frame {
    Arc::new(|page| {
        let document = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (page.title) }
                    (PreEscaped(&page.head))
                }
                body.dk-page { main { (PreEscaped(&page.body)) } }
            }
        };
        document.into_string()
    })
}
