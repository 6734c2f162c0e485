//! A catalogue is built exactly when its declarations are valid; otherwise the error names a fault of
//! theirs. Sets and requirements agree with a model: sets of names, closed under implication by adding
//! names until nothing changes. A set of one catalogue never meets a requirement of another.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::Arbitrary;
use dualkey_scope::{Catalogue, CatalogueError, Requirement};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    numbered: Numbered,
    declarations: Vec<Declaration>,
    granted: Vec<Name>,
    required: Vec<Name>,
}

/// The number of declared scopes `s:0`, `s:1`, ….
#[derive(Arbitrary, Debug)]
enum Numbered {
    Few(u8),
    Many(u8),
}

#[derive(Arbitrary, Debug)]
enum Declaration {
    Scope(Name),
    Implies(Name, Vec<Name>),
}

#[derive(Arbitrary, Debug)]
enum Name {
    Low(u8),
    Numbered(u8),
    Odd(Option<u8>, Option<u8>),
}

fuzz_target!(|input: Input| {
    let model = Model::of(&input);
    match model.build() {
        Ok(catalogue) => {
            model.assert_valid();
            model.check_list(&catalogue);
            let (granted, required) = (names(&input.granted), names(&input.required));
            model.check_grants(&catalogue, &granted);
            model.check_requirements(&catalogue, &required, &granted);
        }
        Err(error) => model.assert_has(&error),
    }
});

/// The declarations: names in order, and pairs of a name and an implied name.
#[derive(Default)]
struct Model {
    names: Vec<String>,
    implications: Vec<(String, String)>,
}

impl Model {
    fn of(input: &Input) -> Self {
        let numbered = match input.numbered {
            Numbered::Few(count) => count % 8,
            Numbered::Many(count) => count,
        };
        let names = (0..numbered).map(|number| format!("s:{number}")).collect();
        let mut model = Self { names, ..Self::default() };
        for declaration in &input.declarations {
            match declaration {
                Declaration::Scope(name) => model.names.push(name.text()),
                Declaration::Implies(name, implied) => {
                    let implied = implied.iter().map(|implied| (name.text(), implied.text()));
                    model.implications.extend(implied);
                }
            }
        }
        model
    }

    /// Implications first, since their order does not matter.
    fn build(&self) -> Result<Catalogue, CatalogueError> {
        let mut builder = Catalogue::builder();
        for (name, implied) in &self.implications {
            builder = builder.implies(name, [implied]);
        }
        for name in &self.names {
            builder = builder.scope(name.as_str(), label(name));
        }
        builder.build()
    }

    fn declares(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    fn assert_valid(&self) {
        assert!(self.names.len() <= 128);
        assert!(self.names.iter().all(|name| is_valid(name)));
        assert_eq!(self.names.iter().collect::<BTreeSet<_>>().len(), self.names.len());
        assert!(self.implications.iter().all(|(a, b)| self.declares(a) && self.declares(b)));
        assert!(self.implied().iter().all(|(name, implied)| !implied.contains(name)));
    }

    fn assert_has(&self, error: &CatalogueError) {
        let implies = |pair: &[String]| {
            self.implications.iter().any(|(name, implied)| [name, implied] == [&pair[0], &pair[1]])
        };
        assert!(match error {
            CatalogueError::InvalidName { name } => self.declares(name) && !is_valid(name),
            CatalogueError::Duplicate { name } =>
                self.names.iter().filter(|known| *known == name).count() > 1,
            CatalogueError::Unknown { name } =>
                !self.declares(name)
                    && self.implications.iter().any(|(a, b)| [a, b].contains(&name)),
            CatalogueError::Cycle { path } =>
                path.len() > 1 && path.first() == path.last() && path.windows(2).all(implies),
            CatalogueError::TooMany { count } => *count > 128 && *count == self.names.len(),
            _ => false,
        });
    }

    /// The transitive closure of the implications.
    fn implied(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut all = BTreeMap::<&str, BTreeSet<&str>>::new();
        loop {
            let mut changed = false;
            for (name, implied) in &self.implications {
                let further = all.get(implied.as_str()).cloned().unwrap_or_default();
                let set = all.entry(name).or_default();
                let before = set.len();
                set.insert(implied);
                set.extend(further);
                changed |= set.len() > before;
            }
            if !changed {
                return all;
            }
        }
    }

    fn closed<'a>(&'a self, names: &'a [String]) -> BTreeSet<&'a str> {
        let implied = self.implied();
        let mut closed = BTreeSet::new();
        for name in names.iter().filter(|name| self.declares(name)) {
            closed.insert(name.as_str());
            closed.extend(implied.get(name.as_str()).into_iter().flatten());
        }
        closed
    }

    fn unknown<'a>(&self, names: &'a [String]) -> Vec<&'a str> {
        let mut unknown = Vec::new();
        for name in names.iter().filter(|name| !self.declares(name)) {
            if !unknown.contains(&name.as_str()) && unknown.len() < 128 {
                unknown.push(name.as_str());
            }
        }
        unknown
    }

    fn check_list(&self, catalogue: &Catalogue) {
        assert!(catalogue.scopes().iter().map(|scope| scope.name()).eq(&self.names));
        for scope in catalogue.scopes() {
            assert_eq!(catalogue.scope(scope.name()), Some(scope));
            assert_eq!(scope.label(), label(scope.name()));
            let mut declared = Vec::new();
            for (name, implied) in &self.implications {
                if name == scope.name() && !declared.contains(&implied.as_str()) {
                    declared.push(implied);
                }
            }
            assert!(scope.implies().eq(declared));
        }
    }

    fn check_grants(&self, catalogue: &Catalogue, granted: &[String]) {
        let (closed, unknown) = (self.closed(granted), self.unknown(granted));
        let resolved = catalogue.resolve(granted);
        assert_eq!(resolved.unknown, unknown);
        let in_order = self.names.iter().filter(|name| closed.contains(name.as_str()));
        assert!(catalogue.names(&resolved.scopes).eq(in_order));
        assert_eq!(resolved.scopes.len(), closed.len());
        assert_eq!(resolved.scopes.is_empty(), closed.is_empty());
        match catalogue.grant(granted) {
            Ok(set) => assert!(unknown.is_empty() && set == resolved.scopes),
            Err(error) => assert!(!unknown.is_empty() && error.names().eq(unknown)),
        }
    }

    fn check_requirements(&self, catalogue: &Catalogue, required: &[String], granted: &[String]) {
        let set = catalogue.resolve(granted).scopes;
        assert!(Requirement::NONE.is_met_by(&set) && !Requirement::DENY_ALL.is_met_by(&set));
        let (all, any) = (catalogue.require_all(required), catalogue.require_any(required));
        let (Ok(all), Ok(any)) = (&all, &any) else {
            let unknown = self.unknown(required);
            assert!(!unknown.is_empty());
            assert!(all.is_err_and(|error| error.names().eq(unknown.iter().copied())));
            assert!(any.is_err_and(|error| error.names().eq(unknown.iter().copied())));
            return;
        };
        assert_eq!(self.unknown(required), [""; 0]);
        let closed = self.closed(granted);
        let holds = |name: &String| closed.contains(name.as_str());
        assert_eq!(all.is_met_by(&set), required.iter().all(holds));
        assert_eq!(any.is_met_by(&set), required.iter().any(holds));
        let mut each_once: Vec<&str> = Vec::new();
        for name in required {
            if !each_once.contains(&name.as_str()) {
                each_once.push(name);
            }
        }
        assert!(all.names().eq(each_once.iter().copied()));
        assert!(any.names().eq(each_once.iter().copied()));
        assert_eq!(all.to_string(), each_once.join(" "));

        let other =
            self.build().expect("the same declarations build again").resolve(granted).scopes;
        assert_eq!(all.is_met_by(&other), required.is_empty());
        assert!(!any.is_met_by(&other));
    }
}

impl Name {
    fn text(&self) -> String {
        match self {
            Self::Low(number) => format!("s:{}", number % 8),
            Self::Numbered(number) => format!("s:{number}"),
            Self::Odd(first, second) => {
                [first, second].into_iter().flatten().copied().map(char::from).collect()
            }
        }
    }
}

fn names(names: &[Name]) -> Vec<String> {
    names.iter().map(Name::text).collect()
}

fn label(name: &str) -> String {
    format!("Label of {name}")
}

/// `scope-token`, RFC 6749 §3.3.
fn is_valid(name: &str) -> bool {
    let allowed = |c: char| ('!'..='~').contains(&c) && c != '"' && c != '\\';
    !name.is_empty() && name.chars().all(allowed)
}
