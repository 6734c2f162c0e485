# The steps of .ci/run, one by one: `just clippy`. Without `just`: `.ci/run clippy`.

# List the steps.
default:
    @just --list --unsorted

# Every step, as in CI.
ci:
    .ci/run

# What the other steps need.
tools:
    .ci/run tools

# Rustfmt, and a recipe in the justfile for each step.
format:
    .ci/run format

# No word that CONTRIBUTING.md excludes, no test name above 60 characters.
words:
    .ci/run words

# Links and names of tests in Markdown files resolve.
links:
    .ci/run links

# The toolchain is the oldest that the manifests promise.
rust-version:
    .ci/run rust-version

# All targets, all features.
clippy:
    .ci/run clippy

# The leaves without default features.
clippy-leaves:
    .ci/run clippy-leaves

# Rustdoc, with intra-doc links.
docs:
    .ci/run docs

# Licences, bans and sources.
dependencies:
    .ci/run dependencies

# RustSec advisories, if their database can be reached.
advisories:
    .ci/run advisories

# dualkey-limit brings neither http nor tokio.
limiter-deps:
    .ci/run limiter-deps

# The test command of the README.
test:
    .ci/run test

# Each alert of examples/guestway fires, and stays silent.
alerts:
    .ci/run alerts

# The leaves without default features; the stack of a release build.
test-leaves:
    .ci/run test-leaves

# Each benchmark once.
benches:
    .ci/run benches

# Instruction counts.
instructions:
    .ci/run instructions

# The pages of examples/guestway in a real browser.
browser:
    .ci/run browser

# The OpenAPI document of examples/guestway against its server.
api:
    .ci/run api

# The run command of the README.
demo:
    .ci/run demo

# Each published package compiles from its archive, with each feature alone.
package:
    .ci/run package

# The README's program, with these packages.
unpacked:
    .ci/run unpacked

# No breaking change since the last published version.
semver:
    .ci/run semver

# Each fuzz target for some seconds.
fuzz:
    .ci/run fuzz

# Changes that no test notices: `just mutants -p dualkey-limit --shard 0/5`. Takes hours, so CI leaves it out.
mutants *args:
    cargo mutants {{args}}
