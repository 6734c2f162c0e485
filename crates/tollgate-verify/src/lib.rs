//! Two request headers in, a grant or a denial out
