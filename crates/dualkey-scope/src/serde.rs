//! Serde: a catalogue is a list of scopes, a set is a list of names.

use alloc::string::String;
use alloc::vec::Vec;

use serde::de::{DeserializeSeed, Deserializer, Error as _};
use serde::ser::{SerializeStruct as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::{Catalogue, Scope, ScopeNames, ScopeSet};

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let implies: Vec<&str> = self.implies().collect();
        let mut fields = serializer.serialize_struct("Scope", 3)?;
        fields.serialize_field("name", self.name())?;
        fields.serialize_field("label", self.label())?;
        fields.serialize_field("implies", &implies)?;
        fields.end()
    }
}

impl Serialize for Catalogue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.scopes())
    }
}

/// Deserializes a list of `{"name", "label", "implies"}`, where `implies` is optional. The list is
/// validated as by [`CatalogueBuilder::build`](crate::CatalogueBuilder::build).
impl<'de> Deserialize<'de> for Catalogue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Declared {
            name: String,
            label: String,
            #[serde(default)]
            implies: Vec<String>,
        }

        let declared = Vec::<Declared>::deserialize(deserializer)?;
        let builder = declared.into_iter().fold(Self::builder(), |builder, scope| {
            let builder = builder.implies(&scope.name, &scope.implies);
            builder.scope(scope.name, scope.label)
        });
        builder.build().map_err(D::Error::custom)
    }
}

impl Serialize for ScopeNames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.clone())
    }
}

/// Deserializes a [`ScopeSet`] from a list of names, from [`Catalogue::scope_set_seed`]. An unknown name
/// is an error.
///
/// ```
/// use dualkey_scope::Catalogue;
/// use serde::de::DeserializeSeed as _;
///
/// let catalogue = Catalogue::builder().scope("a", "A").build()?;
/// let set = catalogue.scope_set_seed().deserialize(serde_json::json!(["a"]))?;
/// assert_eq!(set, catalogue.grant(["a"])?);
/// assert!(catalogue.scope_set_seed().deserialize(serde_json::json!(["b"])).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ScopeSetSeed<'a>(&'a Catalogue);

impl Catalogue {
    /// A seed that deserializes a [`ScopeSet`] of this catalogue from a list of names. An unknown name
    /// is an error.
    #[must_use]
    pub const fn scope_set_seed(&self) -> ScopeSetSeed<'_> {
        ScopeSetSeed(self)
    }
}

impl<'de> DeserializeSeed<'de> for ScopeSetSeed<'_> {
    type Value = ScopeSet;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ScopeSet, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        self.0.grant(names).map_err(D::Error::custom)
    }
}
