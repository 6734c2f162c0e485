//! Guard an API with a partner key and an organization access token
