use super::message::{Message, TYPE_A, is_name, write_answer, write_query};
use super::*;
use netsim::contract::{self, Side};
use ortica_core::{Datagram, Instant, Rng, SocketId, Transmit};
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";
const SECOND: Duration = Duration::from_secs(1);

fn resolver(sockets: &[&str]) -> Resolver {
    let now = netsim::epoch();
    let mut resolver = Resolver::new(Arc::new(Config::default()), Rng::from_number(1), now);
    for (id, addr) in sockets.iter().enumerate() {
        resolver.add_socket(now, SocketId(id as u32), addr.parse().unwrap());
    }
    resolver
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn sent(resolver: &mut Resolver, now: Instant) -> Vec<(Transmit, Vec<u8>)> {
    let mut all = Vec::new();
    let mut out = Vec::new();
    while let Some(transmit) = resolver.poll_transmit(now, 1, &mut out) {
        assert_eq!(transmit.len, out.len());
        all.push((transmit, std::mem::take(&mut out)));
    }
    all
}

fn give(resolver: &mut Resolver, now: Instant, from: &str, bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    resolver.handle_datagram(now, Datagram::single(SocketId(0), from.parse().unwrap(), &mut bytes));
}

fn answer(name: &str, address: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_answer(&mut out, name, ip(address), None);
    out
}

fn resolved(name: &str, address: Option<&str>) -> Option<Event> {
    Some(Event::Resolved { name: name.into(), address: address.map(ip) })
}

/// Guards `write_query`: a second question, or a bit that asks for unicast, and Chromium's responder drops the message.
#[test]
fn ice_11_a_query_asks_one_plain_question_per_family_on_every_socket() {
    let now = netsim::epoch();
    let mut resolver = resolver(&["192.0.2.1:5353", "[fe80::1%7]:5353"]);
    resolver.resolve(now, NAME);
    resolver.resolve(now, &NAME.to_uppercase());
    let sent = sent(&mut resolver, now);
    let to: Vec<_> = sent.iter().map(|(transmit, _)| transmit.remote.to_string()).collect();
    let (v4, v6) = ("224.0.0.251:5353", "[ff02::fb%7]:5353");
    assert_eq!(to, [v4, v4, v6, v6]);
    for (at, (_, bytes)) in sent.iter().enumerate() {
        let query = Message::parse(bytes).unwrap();
        assert!(!query.is_response && query.id == 0);
        let questions: Vec<_> = query.questions().collect();
        assert_eq!(questions.len(), 1);
        assert!(questions[0].name.is(NAME) && !questions[0].wants_unicast());
        assert_eq!(questions[0].is_for(ip("192.0.2.9")), at % 2 == 0);
        assert_eq!(questions[0].is_for(ip("2001:db8::9")), at % 2 == 1);
    }
}

/// Guards the comparison of names and either family.
#[test]
fn ice_11_an_answer_resolves_whatever_its_case() {
    for address in ["192.0.2.9", "2001:db8::9"] {
        let now = netsim::epoch();
        let mut resolver = resolver(&["192.0.2.1:5353"]);
        resolver.resolve(now, NAME);
        sent(&mut resolver, now);
        give(&mut resolver, now, "192.0.2.9:5353", &answer(&NAME.to_uppercase(), address));
        assert_eq!(resolver.poll_event(), resolved(NAME, Some(address)));
        assert_eq!((resolver.poll_event(), resolver.poll_timeout()), (None, None));
        assert!(sent(&mut resolver, now + 9 * SECOND).is_empty());
    }
}

/// Guards the repetition of questions and its end.
#[test]
fn ice_11_a_question_is_asked_three_times_and_given_up_after_five_seconds() {
    let start = netsim::epoch();
    let mut resolver = resolver(&["192.0.2.1:5353"]);
    resolver.resolve(start, NAME);
    let mut times = Vec::new();
    let mut now = start;
    loop {
        resolver.handle_timeout(now);
        times.extend(sent(&mut resolver, now).iter().map(|_| now.saturating_duration_since(start).as_secs()));
        let Some(next) = resolver.poll_timeout() else { break };
        assert!(next > now);
        now = next;
    }
    assert_eq!(times, [0, 0, 1, 1, 3, 3]);
    assert_eq!(now, start + 5 * SECOND);
    assert_eq!(resolver.poll_event(), resolved(NAME, None));
}

#[test]
fn an_answer_after_a_lost_one_still_counts() {
    let now = netsim::epoch();
    let mut resolver = resolver(&["192.0.2.1:5353"]);
    resolver.resolve(now, NAME);
    sent(&mut resolver, now);
    let later = now + SECOND;
    resolver.handle_timeout(later);
    assert_eq!(sent(&mut resolver, later).len(), 2);
    give(&mut resolver, later, "192.0.2.9:5353", &answer(NAME, "192.0.2.9"));
    assert_eq!(resolver.poll_event(), resolved(NAME, Some("192.0.2.9")));
}

#[test]
fn what_is_no_answer_resolves_nothing() {
    let now = netsim::epoch();
    let mut resolver = resolver(&["192.0.2.1:5353"]);
    resolver.resolve(now, NAME);
    let good = answer(NAME, "192.0.2.9");
    give(&mut resolver, now, "192.0.2.9:5354", &good);
    give(&mut resolver, now, "192.0.2.9:5353", &answer("another.local", "192.0.2.9"));
    give(&mut resolver, now, "192.0.2.9:5353", &answer(&format!("x.{NAME}"), "192.0.2.9"));
    give(&mut resolver, now, "192.0.2.9:5353", &answer(NAME, "fe80::9"));
    let mut goodbye = good.clone();
    let ttl = goodbye.len() - 10;
    goodbye[ttl..ttl + 4].fill(0);
    give(&mut resolver, now, "192.0.2.9:5353", &goodbye);
    let mut refused = good.clone();
    refused[3] |= 3;
    give(&mut resolver, now, "192.0.2.9:5353", &refused);
    let mut query = Vec::new();
    write_query(&mut query, NAME, TYPE_A);
    give(&mut resolver, now, "192.0.2.9:5353", &query);
    for len in 0..good.len() {
        give(&mut resolver, now, "192.0.2.9:5353", &good[..len]);
    }
    assert_eq!(resolver.poll_event(), None);
    give(&mut resolver, now, "192.0.2.9:5353", &good);
    assert_eq!(resolver.poll_event(), resolved(NAME, Some("192.0.2.9")));
}

#[test]
fn names_that_cannot_be_asked_for_resolve_to_nothing_at_once() {
    let now = netsim::epoch();
    let mut resolver = resolver(&["192.0.2.1:5353"]);
    let long = format!("{}.local", "a".repeat(64));
    for name in ["", "a..local", &long, &"a.".repeat(200)] {
        assert!(!is_name(name));
        resolver.resolve(now, name);
        assert_eq!(resolver.poll_event(), resolved(name, None));
    }
    let mut without = self::resolver(&[]);
    without.resolve(now, NAME);
    assert_eq!(without.poll_event(), resolved(NAME, None));
}

/// Guards `Limits::questions`.
#[test]
fn cve_41_questions_are_bounded() {
    let now = netsim::epoch();
    let mut resolver = resolver(&["192.0.2.1:5353"]);
    for n in 0..1000 {
        resolver.resolve(now, &format!("{n}.local"));
    }
    assert_eq!(sent(&mut resolver, now).len(), 2 * 64);
    assert_eq!(std::iter::from_fn(|| resolver.poll_event()).count(), 1000 - 64);
}

#[test]
fn our_own_names_are_answered_as_they_were_asked_for() {
    let now = netsim::epoch();
    let mut resolver = resolver(&["192.0.2.1:5353"]);
    resolver.register(now, NAME, ip("192.0.2.1"));
    let query = |unicast| {
        let mut out = Vec::new();
        write_query(&mut out, NAME, TYPE_A);
        // The top bit of the class.
        let class = out.len() - 2;
        out[class] |= if unicast { 0x80 } else { 0 };
        out
    };
    // By unicast when asked to, to the group otherwise, there once a second at most.
    give(&mut resolver, now, "192.0.2.9:5353", &query(true));
    give(&mut resolver, now, "192.0.2.9:5353", &query(false));
    give(&mut resolver, now, "192.0.2.8:5353", &query(false));
    let answers = sent(&mut resolver, now);
    let to: Vec<_> = answers.iter().map(|(transmit, _)| transmit.remote.to_string()).collect();
    assert_eq!(to, ["192.0.2.9:5353", "224.0.0.251:5353"]);
    for (_, bytes) in &answers {
        let message = Message::parse(bytes).unwrap();
        let record = message.records().next().unwrap();
        assert!(message.is_response && record.name.is(NAME));
        assert_eq!(record.address(), Some(ip("192.0.2.1")));
    }
    give(&mut resolver, now + SECOND, "192.0.2.8:5353", &query(false));
    assert_eq!(sent(&mut resolver, now + SECOND).len(), 1);
    // A plain DNS client: its id and question come back.
    let mut legacy = query(false);
    legacy[1] = 77;
    give(&mut resolver, now, "192.0.2.9:40000", &legacy);
    let (transmit, bytes) = sent(&mut resolver, now).remove(0);
    assert_eq!(transmit.remote, "192.0.2.9:40000".parse::<SocketAddr>().unwrap());
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.id, message.questions().count(), message.records().count()), (77, 1, 1));
    // No longer ours.
    resolver.unregister(now, &NAME.to_uppercase());
    give(&mut resolver, now, "192.0.2.9:5353", &query(true));
    assert!(sent(&mut resolver, now).is_empty());
}

#[test]
fn a_question_for_the_other_family_gets_no_answer() {
    let now = netsim::epoch();
    let mut resolver = resolver(&["192.0.2.1:5353"]);
    resolver.register(now, NAME, ip("2001:db8::1"));
    let mut query = Vec::new();
    write_query(&mut query, NAME, TYPE_A);
    give(&mut resolver, now, "192.0.2.9:5353", &query);
    assert!(sent(&mut resolver, now).is_empty());
}

/// Guards against names that jump in circles, forward, or on and on.
#[test]
fn compressed_names_end() {
    let header = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let with = |name: &[u8]| {
        let mut bytes = header.to_vec();
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&[0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 9]);
        bytes
    };
    let itself = with(&[0xc0, 12]);
    let forward = with(&[0xc0, 40]);
    for bytes in [&itself, &forward] {
        let message = Message::parse(bytes).unwrap();
        let record = message.records().next().unwrap();
        assert!(!record.name.is("a.local") && !record.name.is(""));
    }
    // A chain of jumps, each one back: too many.
    let mut chain = header.to_vec();
    chain[7] = 2;
    chain.extend_from_slice(&[1, b'a', 5]);
    chain.extend_from_slice(b"local\0");
    chain.extend_from_slice(&[0, 1, 0, 1, 0, 0, 0, 9, 0, 40]);
    let first = chain.len();
    chain.extend_from_slice(&[0xc0, 12]);
    for n in 0..19 {
        chain.extend_from_slice(&[0xc0, (first + 2 * n) as u8]);
    }
    for (jumps, found) in [(1, true), (15, true), (17, false)] {
        let mut bytes = chain.clone();
        bytes.extend_from_slice(&[0xc0, (first + 2 * (jumps - 2usize.min(jumps))) as u8]);
        bytes.extend_from_slice(&[0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 9]);
        let message = Message::parse(&bytes).unwrap();
        let record = message.records().nth(1).unwrap();
        assert_eq!(record.name.is("a.local"), found, "{jumps} jumps");
    }
}

#[test]
fn the_corpus_does_not_panic() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/mdns");
    let now = netsim::epoch();
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        fuzz_message(&bytes);
        let mut resolver = resolver(&["192.0.2.1:5353"]);
        resolver.resolve(now, NAME);
        resolver.register(now, "a.local", ip("192.0.2.1"));
        give(&mut resolver, now, "192.0.2.9:5353", &bytes);
        sent(&mut resolver, now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(label in "[a-zA-Z0-9-]{1,63}", address: IpAddr, legacy: Option<u16>) {
        let name = format!("{label}.local");
        let mut out = Vec::new();
        write_answer(&mut out, &name, address, legacy);
        let message = Message::parse(&out).unwrap();
        prop_assert_eq!((message.is_response, message.id), (true, legacy.unwrap_or(0)));
        let record = message.records().next().unwrap();
        prop_assert!(record.name.is(&name) && record.name.is(&name.to_uppercase()));
        prop_assert_eq!(record.address(), Some(address));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
        fuzz_message(&bytes);
        let counts = [&[0, 0, 0x84, 0, 0, 3, 0, 3, 0, 3, 0, 3][..], &bytes].concat();
        fuzz_message(&counts);
    }
}

/// Two resolvers on one network, of which each knows a name.
struct Wire {
    resolver: Resolver,
    side: Side,
    remote: SocketAddr,
    /// The resolver has no end of its own.
    closed: Option<bool>,
}

impl netsim::Machine for Wire {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.resolver.handle_datagram(now, Datagram::single(SocketId(0), self.remote, packet));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.resolver.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.resolver.poll_transmit(now, 1, out).map(|transmit| transmit.len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.resolver.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<netsim::Event> {
        self.resolver.poll_event().map(|event| netsim::Event::new(format!("{event:?}")))
    }

    fn act(&mut self, now: Instant, step: u64) {
        let name = match self.side {
            Side::A => "b.local",
            Side::B => "a.local",
        };
        if step.is_multiple_of(10) && self.closed.is_none() {
            self.resolver.resolve(now, name);
        }
    }
}

#[test]
fn the_resolver_keeps_the_sans_io_contract() {
    let options = contract::Options { closes: false, ..contract::Options::default() };
    contract::check_with(&options, |seed, side| {
        let now = netsim::epoch();
        let mut resolver = Resolver::new(Arc::new(Config::default()), Rng::from_number(seed), now);
        let (name, ours, theirs) = match side {
            Side::A => ("a.local", "192.0.2.1:5353", "192.0.2.2:5353"),
            Side::B => ("b.local", "192.0.2.2:5353", "192.0.2.1:5353"),
        };
        let ours: SocketAddr = ours.parse().unwrap();
        resolver.add_socket(now, SocketId(0), ours);
        resolver.register(now, name, ours.ip());
        Wire { resolver, side, remote: theirs.parse().unwrap(), closed: None }
    });
}
