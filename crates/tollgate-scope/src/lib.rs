//! Scopes of access tokens: a catalogue, sets and requirements
