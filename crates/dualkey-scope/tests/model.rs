//! Bit masks against a model: sets of names, completed by following the implications one by one.
#![allow(clippy::unwrap_used, reason = "test code may panic")]

use std::collections::BTreeSet;

use dualkey_scope::Catalogue;
use proptest::collection::vec;
use proptest::prelude::*;

fn name(at: usize) -> String {
    format!("scope:{at}")
}

fn closure(start: &[usize], edges: &[(usize, usize)]) -> BTreeSet<usize> {
    let mut reached: BTreeSet<_> = start.iter().copied().collect();
    loop {
        let next = edges.iter().find(|(from, to)| reached.contains(from) && !reached.contains(to));
        match next {
            Some((_, to)) => reached.insert(*to),
            None => return reached,
        };
    }
}

proptest! {
    #[test]
    fn bit_masks_agree_with_the_model(
        count in 1..=128_usize,
        edges in vec((0..128_usize, 0..128_usize), 0..60),
        granted in vec(0..128_usize, 0..6),
        required in vec(0..128_usize, 1..5),
    ) {
        // Edges from lower to higher numbers never form a cycle.
        let edges: Vec<_> = edges
            .into_iter()
            .map(|(a, b)| (a % count, b % count))
            .filter(|(a, b)| a < b)
            .collect();
        let granted: Vec<_> = granted.into_iter().map(|at| at % count).collect();
        let required: Vec<_> = required.into_iter().map(|at| at % count).collect();

        let mut builder = Catalogue::builder();
        for (from, to) in &edges {
            builder = builder.implies(&name(*from), [name(*to)]);
        }
        let builder = (0..count).fold(builder, |builder, at| builder.scope(name(at), "label"));
        let catalogue = builder.build().unwrap();

        let model = closure(&granted, &edges);
        let set = catalogue.grant(granted.iter().map(|at| name(*at))).unwrap();
        let names: Vec<_> = model.iter().map(|at| name(*at)).collect();
        prop_assert_eq!(catalogue.names(&set).collect::<Vec<_>>(), names);

        let names = || required.iter().map(|at| name(*at));
        let all = required.iter().all(|at| model.contains(at));
        let any = required.iter().any(|at| model.contains(at));
        prop_assert_eq!(catalogue.require_all(names()).unwrap().is_met_by(&set), all);
        prop_assert_eq!(catalogue.require_any(names()).unwrap().is_met_by(&set), any);
    }
}
