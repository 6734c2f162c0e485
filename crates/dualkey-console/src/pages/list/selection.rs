use std::cmp::Ordering;

use dualkey_limit::Timestamp;
use dualkey_store::TokenRecord;

use super::query::{Query, Sort};
use crate::context::Context;

/// The rows of one page.
const ROWS: usize = 25;

/// The tokens that a query selects.
pub(super) struct Selection<'a> {
    all: &'a [TokenRecord],
    pub(super) rows: Vec<&'a TokenRecord>,
    /// From 1 on.
    pub(super) page: usize,
    pub(super) pages: usize,
}

impl<'a> Selection<'a> {
    pub(super) fn new(ctx: &Context, query: &Query, all: &'a [TokenRecord]) -> Self {
        let text = query.text.to_lowercase();
        let mut rows: Vec<_> = all
            .iter()
            .filter(|token| token.name.to_lowercase().contains(&text))
            .filter(|token| query.show.is_none_or(|chip| ctx.chip(token) == chip))
            .collect();
        rows.sort_by(|a, b| {
            let order = compare(query.sort, a, b);
            if query.descending { order.reverse() } else { order }
        });
        let rows = pairs_together(&rows);
        let pages = rows.len().div_ceil(ROWS).max(1);
        let page = query.page.min(pages);
        let rows = rows.into_iter().skip((page - 1) * ROWS).take(ROWS).collect();
        Self { all, rows, page, pages }
    }

    /// The token that a rotation replaced this one with, if it is not removed.
    pub(super) fn successor(&self, token: &TokenRecord) -> Option<&'a TokenRecord> {
        self.all.iter().find(|other| token.replaced_by == Some(other.id))
    }
}

fn compare(sort: Sort, a: &TokenRecord, b: &TokenRecord) -> Ordering {
    let end = |token: &TokenRecord| token.expires_at.unwrap_or(Timestamp::MAX);
    let order = match sort {
        Sort::Name => a.name.to_lowercase().cmp(&b.name.to_lowercase()),
        Sort::Created => a.created_at.cmp(&b.created_at),
        Sort::LastUsed => a.last_used_at.cmp(&b.last_used_at),
        Sort::Expires => end(a).cmp(&end(b)),
    };
    order.then(a.id.cmp(&b.id))
}

/// Moves each replaced token to the place below its successor.
fn pairs_together<'a>(rows: &[&'a TokenRecord]) -> Vec<&'a TokenRecord> {
    let is_listed = |id| rows.iter().any(|row| Some(row.id) == id);
    let heads = rows.iter().filter(|row| row.replaced_by.is_none() || !is_listed(row.replaced_by));
    let mut ordered = Vec::with_capacity(rows.len());
    for head in heads {
        let mut next = Some(*head);
        while let Some(row) = next {
            ordered.push(row);
            next = rows.iter().find(|other| other.replaced_by == Some(row.id)).copied();
        }
    }
    ordered
}
