//! What [`GuardedRouter::document`](crate::GuardedRouter::document) adds to an OpenAPI document. Feature
//! `openapi`.
//!
//! A program describes its operations with `utoipa`: summaries, parameters, bodies, and the responses of its
//! handlers. The router knows the rest, and adds it to the operation of each route:
//!
//! | added | content |
//! | --- | --- |
//! | `security` | one requirement with both schemes, since both credentials are needed. The scopes are the roles of `organizationToken`, which OpenAPI 3.1 allows beside bearer authentication. If one of several scopes is enough, each is an alternative. An optional route has the empty requirement `{}` too. |
//! | `x-required-scopes` | `{"all": ["guests:read", …]}`: all of these scopes are required, or `{"any": […]}`: one of them. `{"all": []}` is any valid token, and `{"any": []}` none. |
//! | 400, 401, 429, 503 | the refusals of every guard, as references to shared components |
//! | 403 | only where a scope is required. It names the scopes of the operation, and is not shared. |
//! | `RateLimit-Policy`, `RateLimit` | on every response of the program, as the guard inserts them |
//! | `components` | the schemes `partnerKey` and `organizationToken`, with the header fields, the prefix and the scopes of the gate; the schema `Problem`; the shared responses and fields |
//!
//! The examples of refusals are the responses of the gate itself, with its realm, its problem types and its
//! header fields. Where they contain limits, the partner has the default ones.
//!
//! A public route gets an empty `security`, unless the program describes its own.
//!
//! # The responses of the program stay
//!
//! If an operation has a response of its own for a status, for its range, such as `4XX`, or for `default`, the
//! refusals of this status are added to it: their fields, their examples, and their schema as an alternative
//! (`anyOf`) of the same media type. The description stays. A response that the operation refers to is copied
//! into it, and the component stays as it is.
//!
//! A schema that the program calls `Problem` is used in place of the gate's, and has to describe the refusals
//! too. Other components keep their names, and those of the gate get a number.
//!
//! # What is not an operation
//!
//! HEAD and the extended CONNECT, which GET covers, are not described, but an operation of HEAD may be. A route
//! of CONNECT needs no operation, because OpenAPI 3.1 has none. A method that is not declared for a path gets
//! the problem `method_not_allowed` (405), and a path that is not declared 401 or 403: they are responses to no
//! operation, so that no operation lists them.
//!
//! The names of parameters are compared: axum's `/guests/{id}` is the path `/guests/{id}`, and `/files/{*path}`
//! is `/files/{path}`, although a parameter of OpenAPI has no slash. The prefix of
//! [`GuardedRouter::nest`](crate::GuardedRouter::nest) belongs to the path. One that the program puts before the
//! finished router belongs into `servers`.
//!
//! # Operations beside the router
//!
//! What a program serves beside the guarded router, or adds to the finished one, has no route in it. It is
//! documented separately, and merged into the completed document:
//!
//! ```text
//! let document = router.document(Guarded::openapi())?.merge_from(Beside::openapi());
//! ```
//!
//! The completed document comes first, because `OpenApi::merge_from` only takes some components of the other.
//! A document that describes its own address is such an operation.
//!
//! # Mapped refusals
//!
//! With a [`MapRefusal`](crate::MapRefusal), the examples are its responses to a request without fields, listed
//! under their status and media type. They have the schema `Problem` as long as their bodies have its required
//! members; otherwise they have none, and the program can describe its own response. With
//! [`GrpcRefusals`](crate::GrpcRefusals), every refusal is a response with status 200 and no body, of which only
//! the fields are described. OpenAPI has no place for trailers: a gRPC service is described by its `.proto`.
