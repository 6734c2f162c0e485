use std::collections::BTreeMap;

/// Adds a component, unless there is an equal one, and returns its name. If the name belongs to a different
/// component, of the program or of another gate, a number is appended.
pub(crate) fn component<T: PartialEq>(
    components: &mut BTreeMap<String, T>,
    name: &str,
    component: T,
) -> String {
    let (mut unique, mut number) = (name.to_owned(), 1);
    while components.get(&unique).is_some_and(|known| *known != component) {
        number += 1;
        unique = format!("{name}{number}");
    }
    components.insert(unique.clone(), component);
    unique
}
