//! Resolves the `.local` names of candidates, and answers for our own.
//!
//! Source: [RFC 6762](https://www.rfc-editor.org/rfc/rfc6762),
//! [draft-ietf-mmusic-mdns-ice-candidates](https://datatracker.ietf.org/doc/draft-ietf-mmusic-mdns-ice-candidates/)

mod resolver;

pub use resolver::{Config, Event, Limits, Resolver};
