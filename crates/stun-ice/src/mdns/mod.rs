//! Resolves the `.local` names of candidates, and answers for our own.
//!
//! A candidate's name is a random UUID that exactly one host on the network answers for, with one address. So there is no
//! cache, no probing and no negative answer here: [`Resolver`] asks three times within five seconds, and takes the first
//! address it hears.
//!
//! Source: [RFC 6762](https://www.rfc-editor.org/rfc/rfc6762),
//! [draft-ietf-mmusic-mdns-ice-candidates](https://datatracker.ietf.org/doc/draft-ietf-mmusic-mdns-ice-candidates/)

mod message;
mod resolver;
mod responder;
#[cfg(test)]
mod tests;

pub use resolver::{Config, Event, Limits, Resolver, Stats};

/// Walks over a DNS message as the resolver does, for fuzzing.
#[doc(hidden)]
pub fn fuzz_message(bytes: &[u8]) {
    if let Ok(message) = message::Message::parse(bytes) {
        let questions = message.questions().filter(|question| question.name.is("a.local")).count();
        let records =
            message.records().filter(|record| record.name.is("a.local") || record.address().is_some()).count();
        std::hint::black_box((questions, records));
    }
}
