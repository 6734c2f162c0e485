use maud::{Markup, html};

/// The part of Markdown that descriptions use: paragraphs, headings, lists, code, and blocks of a shell.
pub(crate) fn markdown(text: &str) -> Markup {
    html! {
        @for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
            @if let Some(heading) = block.strip_prefix("## ") {
                h2 { (inline(heading)) }
            } @else if let Some(code) = block.strip_prefix("```sh\n") {
                pre tabindex="0" { code { (code.trim_end_matches("```").trim_end()) } }
            } @else if block.starts_with("- ") {
                ul {
                    @for item in block.lines() { li { (inline(item.trim_start_matches("- "))) } }
                }
            } @else {
                p { (inline(block)) }
            }
        }
    }
}

/// A text with code between backticks.
pub(crate) fn inline(text: &str) -> Markup {
    html! {
        @for (at, piece) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}
