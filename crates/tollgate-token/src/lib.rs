//! Opaque bearer tokens: minted, parsed and digested
