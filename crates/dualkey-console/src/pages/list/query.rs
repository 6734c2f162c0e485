use maud::{Markup, html};

use crate::chip::Chip;
use crate::fields::Fields;
use crate::links::{Links, with_query};

/// Sorting, filter and page of the list, as the URL has them.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) sort: Sort,
    pub(super) descending: bool,
    /// A part of the name.
    pub(super) text: String,
    pub(super) show: Option<Chip>,
    /// From 1 on.
    pub(super) page: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    Created,
    LastUsed,
    Expires,
}

impl Sort {
    const ALL: [Self; 4] = [Self::Name, Self::Created, Self::LastUsed, Self::Expires];

    const fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Created => "created",
            Self::LastUsed => "last-used",
            Self::Expires => "expires",
        }
    }

    /// Names and expiries begin with the first, times of the past with the last.
    const fn descends_first(self) -> bool {
        matches!(self, Self::Created | Self::LastUsed)
    }
}

impl Query {
    /// Values that are not known count as absent.
    pub(super) fn parse(fields: &Fields) -> Self {
        let sort = Sort::ALL.into_iter().find(|sort| sort.key() == fields.first("sort"));
        let sort = sort.unwrap_or(Sort::Created);
        let descending = match fields.first("order") {
            "asc" => false,
            "desc" => true,
            _ => sort.descends_first(),
        };
        Self {
            sort,
            descending,
            text: fields.first("q").trim().to_owned(),
            show: Chip::ALL.into_iter().find(|chip| chip.key() == fields.first("show")),
            page: fields.first("page").parse().unwrap_or(1).max(1),
        }
    }

    pub(super) fn is_filtered(&self) -> bool {
        !self.text.is_empty() || self.show.is_some()
    }

    pub(super) fn cleared(&self) -> Self {
        Self { text: String::new(), show: None, page: 1, ..*self }
    }

    pub(super) fn showing(&self, chip: Chip) -> Self {
        Self { show: Some(chip), page: 1, ..self.clone() }
    }

    pub(super) fn at_page(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// Sorted by this column; in the other direction if it was so before.
    fn sorted(&self, sort: Sort) -> Self {
        let descending = if self.sort == sort { !self.descending } else { sort.descends_first() };
        Self { sort, descending, page: 1, ..self.clone() }
    }

    pub(super) fn url(&self, links: &Links) -> String {
        let page = if self.page > 1 { self.page.to_string() } else { String::new() };
        let fields = self.hidden().into_iter().chain([("q", self.text.as_str()), ("page", &page)]);
        with_query(links.home(), fields)
    }

    /// What the form of the filter keeps.
    pub(super) fn hidden(&self) -> Vec<(&'static str, &'static str)> {
        let mut fields = Vec::new();
        if self.sort != Sort::Created || !self.descending {
            fields.push(("sort", self.sort.key()));
            fields.push(("order", if self.descending { "desc" } else { "asc" }));
        }
        fields.extend(self.show.map(|chip| ("show", chip.key())));
        fields
    }
}

/// The head of a column that the list can be sorted by, with a note.
pub(super) fn heading(
    query: &Query,
    links: &Links,
    sort: Sort,
    label: &str,
    note: Option<&str>,
) -> Markup {
    let order =
        (query.sort == sort).then_some(if query.descending { "descending" } else { "ascending" });
    html! {
        th role="columnheader" scope="col" aria-sort=[order] {
            a href=(query.sorted(sort).url(links)) { (label) }
            @if let Some(note) = note { span { (note) } }
        }
    }
}
