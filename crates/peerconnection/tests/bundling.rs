//! Which sections share a transport: policies, peers that bundle nothing or in part, and what each transport then carries, in
//! virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::{Side, exchange, pair_with_sockets};
use netsim::{Link, Pair};
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::Instant;
use ortica::engine::{ChannelMessage, ReceivedFrame, TransportId};
use ortica::jsep::{BundlePolicy, DescriptionError, IceCandidate, SdpType, SessionDescription, TransceiverId};
use ortica::peer::PeerEvent;
use ortica::{ConnectionState, IceConnectionState, IceGatheringState};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(25);
const POLICIES: [BundlePolicy; 3] = [BundlePolicy::Balanced, BundlePolicy::MaxCompat, BundlePolicy::MaxBundle];

/// A call whose sides have as many sockets as they want.
struct Call {
    pair: Pair<Side>,
}

impl Call {
    fn new(seed: u64, policies: [BundlePolicy; 2]) -> Self {
        let mut sides = [Side::new(seed * 2 + 1, Pair::<Side>::A), Side::new(seed * 2 + 2, Pair::<Side>::B)];
        for (side, policy) in sides.iter_mut().zip(policies) {
            side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
            side.peer.set_bundle_policy(policy);
        }
        let [a, b] = sides;
        Self { pair: pair_with_sockets(seed, Link::with_delay(DELAY), a, b) }
    }

    /// With tracks of those kinds, then a data channel, all of `a`.
    fn with(seed: u64, policies: [BundlePolicy; 2], kinds: &[MediaKind]) -> Self {
        let mut call = Self::new(seed, policies);
        let now = call.now();
        for kind in kinds {
            call.pair.a.peer.add_track(*kind, Vec::new()).unwrap();
        }
        call.pair.a.create_channel(now, Default::default());
        call
    }

    fn now(&self) -> Instant {
        self.pair.now()
    }

    /// Offer and answer as the network between changes them.
    fn negotiate(
        &mut self,
        change_offer: impl FnOnce(String) -> String,
        change_answer: impl FnOnce(String) -> String,
    ) -> Result<[SessionDescription; 2], DescriptionError> {
        let now = self.now();
        let offer = offer(&mut self.pair.a, now);
        let offer = SessionDescription::offer(change_offer(offer.sdp));
        self.pair.b.peer.set_remote_description(now, offer.clone())?;
        let answer = answer(&mut self.pair.b, now);
        let answer = SessionDescription::answer(change_answer(answer.sdp));
        self.pair.a.peer.set_remote_description(now, answer.clone())?;
        Ok([offer, answer])
    }

    fn connect(&mut self) {
        let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
        let outcome = self.pair.run_until(Duration::from_secs(30), |a, b| connected(a) && connected(b));
        let states = [&self.pair.a, &self.pair.b].map(|side| {
            let states = transports(side).into_iter().map(|id| {
                let session = side.peer.session();
                (id, session.ice(id).unwrap().state(), session.dtls_state(id).unwrap())
            });
            states.collect::<Vec<_>>()
        });
        outcome.unwrap_or_else(|stalled| panic!("{stalled}: {states:?}"));
    }

    /// Sends what every transceiver of `a` sends, and a message, and says which mids arrived at `b`.
    fn heard(&mut self) -> BTreeSet<String> {
        let sending = self.pair.a.peer.transceivers().into_iter().filter(|it| it.current_direction.is_some());
        let sending: Vec<_> = sending.map(|state| (state.id, state.kind, state.mid.unwrap())).collect();
        let mut heard = BTreeSet::new();
        for number in 0..25 {
            for (id, kind, mid) in &sending {
                // Whoever hears another one's frames is told by their first byte.
                let mark = mid.as_bytes()[0];
                let frame = if *kind == Audio { sound(number, mark) } else { picture(number, mark) };
                self.pair.with_a(|a, now| drop(a.peer.send_frame(now, *id, &frame)));
            }
            self.pair.run_for(Duration::from_millis(20));
            heard.extend(self.read());
        }
        self.pair.run_for(Duration::from_secs(1));
        heard.extend(self.read());
        heard
    }

    fn read(&mut self) -> BTreeSet<String> {
        let mut heard = BTreeSet::new();
        for state in self.pair.b.peer.transceivers() {
            let Some(mid) = state.mid else { continue };
            while let Some(received) = self.pair.b.peer.read_frame(state.id) {
                let ReceivedFrame::Frame { frame, .. } = received else { continue };
                assert_eq!(frame.data.last(), mid.as_bytes().first(), "section {mid} got what is of another one");
                heard.insert(mid.clone());
            }
        }
        heard
    }

    /// A message from `a` to `b`.
    fn send_message(&mut self) {
        let before = self.pair.b.received.len();
        self.pair.a.queue.push_back(ChannelMessage { binary: true, data: Bytes::from_static(b"message") });
        let outcome = self.pair.run_until(Duration::from_secs(10), |_, b| b.received.len() > before);
        outcome.unwrap_or_else(|stalled| panic!("{stalled}"));
    }
}

fn sound(number: u32, mark: u8) -> EncodedFrame {
    EncodedFrame::new(Codec::Pcmu, vec![mark; 160], i64::from(number) * 160).with_duration(160)
}

fn picture(number: u32, mark: u8) -> EncodedFrame {
    let mut data = vec![0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
    data.resize(2_000, mark);
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(true)
}

fn offer(side: &mut Side, now: Instant) -> SessionDescription {
    let offer = side.peer.create_offer(now).unwrap();
    side.peer.set_local_description(now, offer).unwrap();
    side.serve_sockets(now);
    side.peer.local_description().unwrap()
}

fn answer(side: &mut Side, now: Instant) -> SessionDescription {
    let answer = side.peer.create_answer(now).unwrap();
    side.peer.set_local_description(now, answer).unwrap();
    side.serve_sockets(now);
    side.peer.local_description().unwrap()
}

fn same(sdp: String) -> String {
    sdp
}

/// As a peer would write it that knows no groups.
fn without_groups(sdp: String) -> String {
    sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=group:BUNDLE")).collect()
}

fn with_groups(sdp: &str, groups: &[&str]) -> String {
    let groups: String = groups.iter().map(|mids| format!("a=group:BUNDLE {mids}\r\n")).collect();
    without_groups(sdp.to_owned()).replacen("t=0 0\r\n", &format!("t=0 0\r\n{groups}"), 1)
}

fn groups(description: &SessionDescription) -> Vec<&str> {
    description.sdp.lines().filter_map(|line| line.strip_prefix("a=group:BUNDLE ")).collect()
}

/// The sections of a description.
fn sections(description: &SessionDescription) -> Vec<&str> {
    description.sdp.split("\r\nm=").skip(1).collect()
}

fn ports(description: &SessionDescription) -> Vec<&str> {
    sections(description).iter().map(|section| section.split(' ').nth(1).unwrap()).collect()
}

/// The lines of each section that begin so.
fn values<'a>(description: &'a SessionDescription, start: &str) -> Vec<Option<&'a str>> {
    sections(description).iter().map(|section| section.lines().find_map(|line| line.strip_prefix(start))).collect()
}

/// The transports that are in use, which those of transceivers and data channels are among.
fn transports(side: &Side) -> Vec<TransportId> {
    let used = side.peer.transceivers().into_iter().filter_map(|state| state.transport);
    let mut used: Vec<TransportId> = used.chain(side.peer.data_transport()).collect();
    used.sort_unstable();
    used.dedup();
    let all: Vec<TransportId> = side.peer.session().transports().collect();
    assert_eq!(used, all, "no transport without a section");
    used
}

/// What carries each section, by its mid.
fn carried(side: &Side) -> BTreeMap<String, TransportId> {
    let states = side.peer.transceivers().into_iter();
    states.filter_map(|state| Some((state.mid?, state.transport?))).collect()
}

fn kind_of(side: &Side, mid: &str) -> TransceiverId {
    side.peer.transceivers().into_iter().find(|state| state.mid.as_deref() == Some(mid)).unwrap().id
}

/// Guards: which sections name a transport, which are `bundle-only`, for each policy, and that an answer without reserve bundles
/// all of them; the others' transports are gone.
#[test]
fn sdp_6_each_policy_against_each_ends_on_one_transport() {
    for (seed, policies) in POLICIES.iter().flat_map(|one| POLICIES.map(|other| [*one, other])).enumerate() {
        let mut call = Call::with(seed as u64, policies, &[Audio, Audio, Video]);
        let now = call.now();
        let offered = offer(&mut call.pair.a, now);
        let leads = match policies[0] {
            BundlePolicy::Balanced => [true, false, true, true],
            BundlePolicy::MaxCompat => [true; 4],
            _ => [true, false, false, false],
        };
        assert_eq!(groups(&offered), ["0 1 2 3"], "{policies:?}");
        assert_eq!(ports(&offered), leads.map(|leads| if leads { "9" } else { "0" }), "{policies:?}");
        let only =
            sections(&offered).iter().map(|section| section.contains("\r\na=bundle-only\r\n")).collect::<Vec<_>>();
        assert_eq!(only, leads.map(|leads| !leads));
        for name in ["a=ice-ufrag:", "a=fingerprint:", "a=setup:", "a=candidate:"] {
            let named = values(&offered, name).iter().map(Option::is_some).collect::<Vec<_>>();
            assert_eq!(named, leads, "{policies:?}: {name}");
        }
        let ufrags: BTreeSet<_> = values(&offered, "a=ice-ufrag:").into_iter().flatten().collect();
        assert_eq!(ufrags.len(), leads.iter().filter(|leads| **leads).count(), "each has its own");
        assert_eq!(
            values(&offered, "a=rtcp-mux"),
            [leads[0], leads[1], leads[2], false].map(|leads| leads.then_some(""))
        );

        call.pair.b.peer.set_remote_description(now, offered).unwrap();
        let answered = answer(&mut call.pair.b, now);
        assert_eq!((groups(&answered), ports(&answered)), (vec!["0 1 2 3"], vec!["9"; 4]), "{policies:?}");
        assert!(!answered.sdp.contains("a=bundle-only"));
        call.pair.a.peer.set_remote_description(now, answered).unwrap();
        for side in [&call.pair.a, &call.pair.b] {
            assert_eq!(transports(side).len(), 1, "{policies:?}");
        }
        call.connect();
        assert_eq!(call.heard(), ["0", "1", "2"].map(str::to_owned).into(), "{policies:?}");
        call.send_message();
        // The next offer keeps what was agreed, and has nothing that is bundle-only (RFC 9429 §5.2.2).
        let [next, _] = call.negotiate(same, same).unwrap();
        assert_eq!((groups(&next), ports(&next)), (vec!["0 1 2 3"], vec!["9"; 4]));
    }
}

/// Guards: a peer that bundles nothing gets a transport for each section that the policy offers one for, and the media and data of
/// each go over its own.
#[test]
fn sdp_6_without_bundling_each_section_has_its_transport() {
    for (seed, (policy, taken)) in [
        (BundlePolicy::Balanced, vec!["0", "2"]),
        (BundlePolicy::MaxCompat, vec!["0", "1", "2"]),
        (BundlePolicy::MaxBundle, vec!["0"]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut call = Call::with(seed as u64, [policy, BundlePolicy::MaxCompat], &[Audio, Audio, Video]);
        let [_, answered] = call.negotiate(without_groups, same).unwrap();
        assert!(groups(&answered).is_empty());
        call.connect();
        let data = usize::from(policy != BundlePolicy::MaxBundle);
        for side in [&call.pair.a, &call.pair.b] {
            assert_eq!(carried(side).into_keys().collect::<Vec<_>>(), taken, "{policy}");
            assert_eq!(transports(side).len(), taken.len() + data, "{policy}");
            let used: BTreeSet<TransportId> = carried(side).into_values().chain(side.peer.data_transport()).collect();
            assert_eq!(used.len(), taken.len() + data, "each its own");
        }
        assert_eq!(call.heard(), taken.iter().map(|&mid| mid.to_owned()).collect(), "{policy}");
        if data == 1 {
            call.send_message();
        }
        // What each transceiver sent went over its own transport.
        let a = &call.pair.a.peer;
        for state in a.transceivers() {
            let sender = state.sender.unwrap();
            assert_eq!(a.session().sender_transport(sender), state.transport);
            let sent = a.session().transport_stats(state.transport.unwrap()).unwrap().packets_sent;
            assert!(sent >= 25, "{policy}: {sent} packets");
        }
    }
}

/// Guards: who answers an offer without a group takes what its policy has transports for.
#[test]
fn an_answerer_takes_what_its_policy_has_transports_for() {
    for (policy, expected) in [
        (BundlePolicy::Balanced, ["9", "0", "9", "9"]),
        (BundlePolicy::MaxCompat, ["9"; 4]),
        (BundlePolicy::MaxBundle, ["9", "0", "0", "0"]),
    ] {
        let mut call = Call::with(1, [BundlePolicy::MaxCompat, policy], &[Audio, Audio, Video]);
        let [_, answered] = call.negotiate(without_groups, same).unwrap();
        assert_eq!(ports(&answered), expected, "{policy}");
        call.connect();
        assert_eq!(call.heard().len(), expected[..3].iter().filter(|port| **port == "9").count(), "{policy}");
        let ended = call.pair.a.peer.transceivers().len();
        assert_eq!(ended, expected[..3].iter().filter(|port| **port == "9").count(), "the others are stopped");
    }
}

/// Guards: an offer of two groups makes two transports; each carries the sections of its group.
#[test]
fn sdp_6_two_groups_are_two_transports() {
    let mut call = Call::with(2, [BundlePolicy::MaxCompat; 2], &[Audio, Video, Audio]);
    let [_, answered] =
        call.negotiate(|sdp| with_groups(&sdp, &["0 2", "1 3"]), same).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(groups(&answered), ["0 2", "1 3"]);
    call.connect();
    for side in [&call.pair.a, &call.pair.b] {
        let carried = carried(side);
        assert_eq!((carried["0"], carried["1"]), (carried["2"], side.peer.data_transport().unwrap()));
        assert_ne!(carried["0"], carried["1"]);
        assert_eq!(transports(side).len(), 2);
    }
    assert_eq!(call.heard().len(), 3);
    call.send_message();
    // Each stays where it is, and what is new joins the first group.
    call.pair.a.peer.add_track(Video, Vec::new()).unwrap();
    let [next, _] = call.negotiate(same, same).unwrap();
    assert_eq!(groups(&next), ["0 2 4", "1 3"]);
    call.connect();
    assert_eq!(call.heard().len(), 4);
}

/// Guards: an answer that leaves a section out of the offered group moves it to the transport that was offered with it.
#[test]
fn sdp_6_an_answer_may_leave_a_section_out_of_the_group() {
    let mut call = Call::with(3, [BundlePolicy::Balanced, BundlePolicy::MaxCompat], &[Audio, Video]);
    let [_, answered] = call.negotiate(|sdp| with_groups(&sdp, &["0 2"]), same).unwrap();
    assert_eq!((groups(&answered), ports(&answered)), (vec!["0 2"], vec!["9"; 3]));
    call.connect();
    for side in [&call.pair.a, &call.pair.b] {
        assert_eq!(transports(side).len(), 2);
        assert_eq!(carried(side)["0"], side.peer.data_transport().unwrap());
    }
    assert_eq!(call.heard().len(), 2);
    call.send_message();
    // It stays out of the group (RFC 9429 §5.2.2), until the other side offers it in.
    let [next, _] = call.negotiate(same, same).unwrap();
    assert_eq!(groups(&next), ["0 2"]);
}

/// Guards: groups that were not offered, and sections that cannot be moved out, are refused, and nothing has changed then
/// (RFC 9143 §7.3.2, §7.4).
#[test]
fn sdp_6_an_answer_with_other_groups_is_refused() {
    let problem = |policy: BundlePolicy, offered: &[&str], change: &dyn Fn(String) -> String| {
        let mut call = Call::with(4, [policy, BundlePolicy::MaxCompat], &[Audio, Video]);
        let now = call.now();
        let offered = with_groups(&offer(&mut call.pair.a, now).sdp, offered);
        call.pair.b.peer.set_remote_description(now, SessionDescription::offer(offered)).unwrap();
        let answered = answer(&mut call.pair.b, now);
        let before = call.pair.a.peer.session().transports().collect::<Vec<_>>();
        let refused = SessionDescription::answer(change(answered.sdp.clone()));
        let error = call.pair.a.peer.set_remote_description(now, refused).unwrap_err();
        assert_eq!(call.pair.a.peer.session().transports().collect::<Vec<_>>(), before);
        call.pair.a.peer.set_remote_description(now, answered).unwrap();
        call.connect();
        error.to_string()
    };
    let ungroup = |sdp: String| without_groups(sdp);
    assert_eq!(problem(BundlePolicy::MaxBundle, &["0 1 2"], &ungroup), "section 1: it is not bundled with the others");
    let lead = |sdp: String| with_groups(&sdp, &["1 0 2"]);
    assert_eq!(problem(BundlePolicy::MaxBundle, &["0 1 2"], &lead), "section 0: it is not bundled with the others");
    // Within one offer: a section that is in no group of it, or in another one.
    let mut call = Call::with(4, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
    call.negotiate(without_groups, without_groups).unwrap();
    let error = call.negotiate(same, |sdp| with_groups(&sdp, &["0 1"])).unwrap_err();
    assert_eq!(error.to_string(), "section 1: it is bundled in a way that was not offered");
}

/// Guards: once bundled, a section leaves its group by an offer alone (RFC 9143 §7.3.2, §7.5.2).
#[test]
fn sdp_6_a_negotiated_group_is_left_by_an_offer_alone() {
    let mut call = Call::with(5, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
    call.negotiate(same, same).unwrap();
    call.connect();
    let error = call.negotiate(same, |sdp| with_groups(&sdp, &["0 2"])).unwrap_err();
    assert_eq!(error.to_string(), "section 1: it is not bundled with the others");
}

/// Guards `Session::move_sender`, `move_receiver` and `move_sctp`: what ran on transports of its own goes on when a later offer
/// bundles it, and when one takes it out again.
#[test]
fn sections_move_into_a_group_and_out_of_it() {
    let mut call = Call::with(6, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
    call.negotiate(without_groups, same).unwrap();
    call.connect();
    assert_eq!(call.heard().len(), 2);
    call.send_message();
    assert_eq!(transports(&call.pair.b).len(), 3);

    // Another side that bundles takes over: it offers, with the parameters that are in force.
    let bundled = exchange_rewritten(&mut call, |sdp| with_groups(&sdp, &["0 1 2"]));
    assert_eq!(groups(&bundled), ["0 1 2"]);
    for side in [&call.pair.a, &call.pair.b] {
        assert_eq!(transports(side).len(), 1);
    }
    call.connect();
    assert_eq!(call.heard().len(), 2);
    call.send_message();
    assert!(call.pair.a.closed.is_empty() && call.pair.b.closed.is_empty(), "the channel survived");
}

/// `b` offers, with its description rewritten on both sides' way: as if both were set so by the application's own will.
fn exchange_rewritten(call: &mut Call, change: impl Fn(String) -> String) -> SessionDescription {
    let now = call.now();
    let offered = offer(&mut call.pair.b, now);
    let changed = SessionDescription::offer(change(offered.sdp));
    call.pair.a.peer.set_remote_description(now, changed).unwrap();
    let answered = answer(&mut call.pair.a, now);
    let error = call.pair.b.peer.set_remote_description(now, answered.clone()).unwrap_err();
    assert_eq!(error.to_string(), "section 1: it is bundled in a way that was not offered");
    answered
}
