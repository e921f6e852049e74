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
use ortica::engine::{
    ChannelMessage, CodecFeedback, MediaError, ReceivedFrame, RtpCodecParameters, RtpReceiveParameters, SctpParameters,
    TransportError, TransportId,
};
use ortica::jsep::{BundlePolicy, DescriptionError, IceCandidate, SessionDescription};
use ortica::peer::{PeerEvent, TransceiverState};
use ortica::{ConnectionState, IceConnectionState, IceGatheringState};
use ortica_ice::Role;
use ortica_rtp::header_extension::ExtensionMap;
use ortica_rtp::{Mid, PayloadType, Ssrc};
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
            let states = used(side).into_iter().map(|id| {
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
                let _ = self.pair.with_a(|a, now| a.peer.send_frame(now, *id, &frame));
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

/// The transports of transceivers and data channels.
fn used(side: &Side) -> Vec<TransportId> {
    let used = side.peer.transceivers().into_iter().filter_map(|state| state.transport);
    let used: BTreeSet<TransportId> = used.chain(side.peer.data_transport()).collect();
    used.into_iter().collect()
}

/// The same, where there are no others.
fn transports(side: &Side) -> Vec<TransportId> {
    let all: Vec<TransportId> = side.peer.session().transports().collect();
    assert_eq!(used(side), all, "no transport without a section");
    all
}

/// What carries each section, by its mid.
fn carried(side: &Side) -> BTreeMap<String, TransportId> {
    let states = side.peer.transceivers().into_iter();
    states.filter_map(|state| Some((state.mid?, state.transport?))).collect()
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
        // As agreed, and not only once the checks have settled it.
        let roles = [&call.pair.a, &call.pair.b].map(|side| {
            let session = side.peer.session();
            session.transports().map(|id| session.ice(id).unwrap().role()).collect::<Vec<_>>()
        });
        call.connect();
        let data = usize::from(policy != BundlePolicy::MaxBundle);
        for side in [&call.pair.a, &call.pair.b] {
            assert_eq!(carried(side).into_keys().collect::<Vec<_>>(), taken, "{policy}");
            assert_eq!(transports(side).len(), taken.len() + data, "{policy}");
            let used: BTreeSet<TransportId> = carried(side).into_values().chain(side.peer.data_transport()).collect();
            assert_eq!(used.len(), taken.len() + data, "each its own");
        }
        assert_eq!(roles, [Role::Controlling, Role::Controlled].map(|role| vec![role; taken.len() + data]));
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

/// Guards: the answer after one for the time being is made with the transports that are in force.
#[test]
fn an_answer_keeps_the_transports_of_the_one_before_it() {
    let mut call = Call::with(16, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
    let now = call.now();
    let offered = offer(&mut call.pair.a, now);
    call.pair.b.peer.set_remote_description(now, SessionDescription::offer(without_groups(offered.sdp))).unwrap();
    let first = call.pair.b.peer.create_answer(now).unwrap();
    call.pair.b.peer.set_local_description(now, SessionDescription::pranswer(first.sdp.clone())).unwrap();
    let before = carried(&call.pair.b);
    let second = call.pair.b.peer.create_answer(now).unwrap();
    assert_eq!(values(&first, "a=ice-ufrag:"), values(&second, "a=ice-ufrag:"));
    call.pair.b.peer.set_local_description(now, second).unwrap();
    assert_eq!((carried(&call.pair.b), transports(&call.pair.b).len()), (before, 3));
}

/// Guards: an answer for the time being drops nothing, so that the answer may still leave a section on the transport that was offered
/// with it.
#[test]
fn an_answer_may_unbundle_what_was_bundled_for_the_time_being() {
    let mut call = Call::with(15, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
    let now = call.now();
    let offered = offer(&mut call.pair.a, now);
    call.pair.b.peer.set_remote_description(now, SessionDescription::offer(without_groups(offered.sdp))).unwrap();
    let answered = answer(&mut call.pair.b, now);
    let bundled = SessionDescription::pranswer(with_groups(&answered.sdp, &["0 1 2"]));
    call.pair.a.peer.set_remote_description(now, bundled).unwrap();
    let senders: Vec<_> = call.pair.a.peer.session().senders().collect();
    let on = |call: &Call| {
        let session = call.pair.a.peer.session();
        senders.iter().filter_map(|id| session.sender_transport(*id)).collect::<BTreeSet<_>>().len()
    };
    assert_eq!((on(&call), call.pair.a.peer.session().transports().count()), (1, 3));
    call.pair.a.peer.set_remote_description(now, answered).unwrap();
    assert_eq!((on(&call), transports(&call.pair.a).len()), (2, 3));
    call.connect();
    assert_eq!(call.heard().len(), 2);
    call.send_message();
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
    let alone = |sdp: String| {
        let sdp = with_groups(&sdp, &["0 2"]).replace("m=video 9 ", "m=video 0 ");
        sdp.replace("a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n")
    };
    assert_eq!(problem(BundlePolicy::MaxBundle, &["0 1 2"], &alone), "section 1: it is not bundled with the others");
    // Within one offer: a section that is in no group of it, or in another one.
    let mut call = Call::with(4, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
    call.negotiate(without_groups, without_groups).unwrap();
    let error = call.negotiate(same, |sdp| with_groups(&sdp, &["0 1"])).unwrap_err();
    assert_eq!(error.to_string(), "section 1: it is bundled in a way that was not offered");
}

/// Guards: what a section of a group says of another transport, which the answer left out, is not said of the group's.
#[test]
fn candidates_of_a_transport_left_out_are_not_the_groups() {
    const CANDIDATE: &str = "a=candidate:1 1 udp 2122260223 203.0.113.9 4444 typ host\r\n";
    for (credentials, counts) in [("a=ice-ufrag:other\r\na=ice-pwd:0123456789012345678901\r\n", false), ("", true)] {
        let mut call = Call::with(4, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
        let change = |sdp: String| {
            let (before, of_video) = sdp.split_once("m=video").unwrap();
            let own = |line: &&str| !line.starts_with("a=ice-ufrag:") && !line.starts_with("a=ice-pwd:");
            let (video, after) = of_video.split_once("m=application").unwrap();
            let video: String = video.split_inclusive("\r\n").filter(own).collect();
            format!("{before}m=video{video}{credentials}{CANDIDATE}m=application{after}")
        };
        call.negotiate(same, change).unwrap();
        let session = call.pair.a.peer.session();
        let known = |id| format!("{:?}", session.ice(id).unwrap().remote_candidates().collect::<Vec<_>>());
        assert_eq!(session.transports().any(|id| known(id).contains("203.0.113.9")), counts, "{credentials}");
    }
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

/// Guards what an answerer makes of sections that are offered in a group from now on: one transport, whose streams and whose
/// association are those that ran on transports of their own (RFC 9143 §7.5.1).
#[test]
fn sdp_6_a_later_offer_may_bundle_what_was_apart() {
    let mut call = Call::with(6, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
    call.negotiate(without_groups, same).unwrap();
    call.connect();
    assert_eq!(call.heard().len(), 2);
    let (now, before) = (call.now(), carried(&call.pair.a));
    let offered = offer(&mut call.pair.b, now);
    assert!(groups(&offered).is_empty(), "this side leaves things as they were answered");
    let bundled = SessionDescription::offer(with_groups(&offered.sdp, &["1 0 2"]));
    call.pair.a.peer.set_remote_description(now, bundled).unwrap();
    let answered = answer(&mut call.pair.a, now);
    assert_eq!((groups(&answered), ports(&answered)), (vec!["1 0 2"], vec!["9"; 3]));
    let a = &call.pair.a.peer;
    assert_eq!(transports(&call.pair.a), [before["1"]], "the one of the section that leads");
    for state in a.transceivers() {
        assert_eq!(a.session().sender_transport(state.sender.unwrap()), Some(before["1"]));
    }
    assert!(call.pair.a.closed.is_empty(), "the channel goes on");
}

/// Guards `Session::move_sender`, `move_receiver` and `start_sctp` on another transport: streams and channels go on there.
#[test]
fn what_is_moved_to_another_transport_goes_on() {
    let mut call = Call::with(7, [BundlePolicy::MaxCompat; 2], &[Audio, Audio]);
    call.negotiate(without_groups, same).unwrap();
    call.connect();
    assert_eq!(call.heard(), ["0", "1"].map(str::to_owned).into());
    call.send_message();

    let to = [&call.pair.a, &call.pair.b].map(|side| carried(side)["0"]);
    let (sender, receiver) =
        (state_of(&call.pair.a, "1").sender.unwrap(), state_of(&call.pair.b, "1").receiver.unwrap());
    let ssrc = call.pair.a.peer.session().sender_stats(sender).unwrap().ssrc.unwrap();
    let before = call.pair.b.peer.session().receiver_stats(receiver).unwrap();
    let data = [&call.pair.a, &call.pair.b].map(|side| side.peer.data_transport().unwrap());
    let now = call.now();
    let a = call.pair.a.peer.session_mut();
    a.move_sender(sender, to[0]).unwrap();
    a.start_sctp(now, to[0], SctpParameters::default()).unwrap();
    let b = call.pair.b.peer.session_mut();
    b.move_receiver(receiver, to[1]).unwrap();
    b.start_receiving(receiver, pcmu(ssrc)).unwrap();
    b.start_sctp(now, to[1], SctpParameters::default()).unwrap();
    for (session, data, to) in [(&*a, data[0], to[0]), (&*b, data[1], to[1])] {
        assert!(session.sctp_stats(data).is_none(), "it went away from here");
        assert!(session.sctp_stats(to).unwrap().packets_sent > 0, "it is the one of before");
    }
    assert_eq!((a.sender_transport(sender), b.receiver_transport(receiver)), (Some(to[0]), Some(to[1])));

    assert_eq!(call.heard(), ["0", "1"].map(str::to_owned).into());
    let after = call.pair.b.peer.session().receiver_stats(receiver).unwrap();
    assert!(after.packets_received > before.packets_received && after.packets_lost == 0, "{after:?}");
    call.send_message();
    assert!(call.pair.a.closed.is_empty() && call.pair.b.closed.is_empty());
    // What was left behind carries nothing any more, and may go.
    let rest = carried(&call.pair.b)["1"];
    call.pair.b.peer.session_mut().remove_transport(rest);
    assert_eq!(call.heard(), ["0", "1"].map(str::to_owned).into());
    let nowhere = unknown(&call.pair.a);
    let unknown = call.pair.a.peer.session_mut().move_sender(sender, nowhere);
    assert!(matches!(unknown, Err(MediaError::Transport(_))), "{unknown:?}");
}

/// A transport that never was.
fn unknown(side: &Side) -> TransportId {
    let mut other = Side::new(99, Pair::<Side>::A);
    let most = side.peer.session().transports().max().unwrap();
    let now = netsim::epoch();
    std::iter::repeat_with(|| other.peer.session_mut().add_transport(now).unwrap()).find(|id| *id > most).unwrap()
}

fn pcmu(ssrc: Ssrc) -> RtpReceiveParameters {
    RtpReceiveParameters {
        mid: Mid::new("1").ok(),
        codecs: vec![RtpCodecParameters {
            form: Codec::Pcmu.into(),
            payload_type: PayloadType(0),
            rtx: None,
            redundancy: None,
            comfort_noise: None,
            feedback: CodecFeedback::default(),
        }],
        header_extensions: ExtensionMap::new(),
        ssrcs: vec![ssrc],
        rids: vec![],
        telephone_events: vec![],
        descriptions: Vec::new(),
        reduced_size_rtcp: false,
    }
}

fn state_of(side: &Side, mid: &str) -> TransceiverState {
    side.peer.transceivers().into_iter().find(|state| state.mid.as_deref() == Some(mid)).unwrap()
}

/// Guards: candidates go to the transport of the section that they name, by mid, by index or by ufrag alone, and so do their
/// ends; those of a transport that the answer left out are taken and go nowhere.
#[test]
fn jsep_4_trickled_candidates_find_their_transports() {
    for by_mid in [true, false] {
        let mut call = Call::with(8, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
        let now = call.now();
        let offered = call.pair.a.peer.create_offer(now).unwrap();
        call.pair.a.peer.set_local_description(now, offered.clone()).unwrap();
        assert!(!offered.sdp.contains("a=candidate"));
        call.pair.b.peer.set_remote_description(now, SessionDescription::offer(without_groups(offered.sdp))).unwrap();
        let answered = call.pair.b.peer.create_answer(now).unwrap();
        call.pair.b.peer.set_local_description(now, answered.clone()).unwrap();
        call.pair.a.peer.set_remote_description(now, answered).unwrap();
        call.pair.run_for(Duration::from_millis(1));
        let now = call.now();
        let told = |side: &Side| -> Vec<IceCandidate> {
            let candidate = |event: &PeerEvent| match event {
                PeerEvent::IceCandidate(Some(candidate)) => {
                    Some(candidate.clone()).filter(|it| !it.candidate.is_empty())
                }
                _ => None,
            };
            side.events.iter().filter_map(candidate).collect()
        };
        let (of_a, of_b) = (told(&call.pair.a), told(&call.pair.b));
        for (candidates, side) in [(&of_a, &mut call.pair.b), (&of_b, &mut call.pair.a)] {
            let mids: Vec<_> = candidates.iter().map(|it| it.sdp_mid.as_deref().unwrap()).collect();
            assert_eq!(mids, ["0", "1", "2"]);
            for candidate in candidates {
                let mid = candidate.sdp_mid.clone().filter(|_| by_mid);
                let ended = IceCandidate {
                    candidate: String::new(),
                    sdp_mid: None,
                    sdp_mline_index: None,
                    ..candidate.clone()
                };
                side.peer.add_ice_candidate(now, &IceCandidate { sdp_mid: mid, ..candidate.clone() }).unwrap();
                side.peer.add_ice_candidate(now, &ended).unwrap();
            }
        }
        for side in [&call.pair.a, &call.pair.b] {
            for id in transports(side) {
                assert_eq!(side.peer.session().ice(id).unwrap().remote_candidates().count(), 1);
            }
        }
        call.connect();
        assert_eq!(call.heard().len(), 2);
        let wrong = IceCandidate { username_fragment: of_a[0].username_fragment.clone(), ..of_a[1].clone() };
        assert!(call.pair.b.peer.add_ice_candidate(now, &wrong).is_err(), "the ufrag of another section");
    }
    let mut call = Call::with(8, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
    let [offered, _] = call.negotiate(same, same).unwrap();
    let candidate = |port: u16| IceCandidate {
        candidate: format!("candidate:1 1 udp 1 203.0.113.9 {port} typ host"),
        sdp_mid: Some("1".to_owned()),
        username_fragment: values(&offered, "a=ice-ufrag:")[1].map(str::to_owned),
        ..IceCandidate::default()
    };
    let now = call.now();
    call.pair.b.peer.add_ice_candidate(now, &candidate(9)).unwrap();
    let known = |side: &Side| side.peer.session().ice(transports(side)[0]).unwrap().remote_candidates().count();
    assert_eq!(known(&call.pair.b), 1, "of a transport that was bundled away");
}

/// Guards `Negotiation::offer_restarts`: every transport gets new credentials, and the connection gathers once.
#[test]
fn ice_7_a_restart_is_one_of_all_transports() {
    let mut call = Call::with(9, [BundlePolicy::MaxCompat; 2], &[Audio, Video]);
    let [before, _] = call.negotiate(without_groups, same).unwrap();
    call.connect();
    call.pair.a.events.clear();
    call.pair.b.events.clear();
    call.pair.a.peer.restart_ice();
    let [after, answered] = call.negotiate(same, same).unwrap();
    let ufrags = |description: &SessionDescription| {
        values(description, "a=ice-ufrag:").into_iter().flatten().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!((ufrags(&before).len(), ufrags(&after).len(), ufrags(&answered).len()), (3, 3, 3));
    assert!(ufrags(&before).is_disjoint(&ufrags(&after)));
    call.pair.run_for(Duration::from_secs(3));
    for side in [&call.pair.a, &call.pair.b] {
        let gathering = side.events.iter().filter_map(|event| match event {
            PeerEvent::IceGatheringStateChange(state) => Some(*state),
            _ => None,
        });
        assert_eq!(gathering.collect::<Vec<_>>(), [IceGatheringState::Gathering, IceGatheringState::Complete]);
        assert_eq!(side.peer.connection_state(), ConnectionState::Connected);
        for id in transports(side) {
            let agent = side.peer.session().ice(id).unwrap();
            assert!(
                ufrags(&after).contains(&agent.local_credentials().ufrag)
                    || ufrags(&answered).contains(&agent.local_credentials().ufrag)
            );
        }
    }
    assert_eq!(call.heard().len(), 2);
    call.send_message();
}

/// Guards: a rollback takes the transports of the offer back, and only those; the same offer may be set again.
#[test]
fn jsep_1_a_rollback_restores_the_transports() {
    let mut call = Call::with(10, [BundlePolicy::MaxCompat; 2], &[Audio]);
    let now = call.now();
    let first = offer(&mut call.pair.a, now);
    call.pair.a.peer.set_local_description(now, SessionDescription::rollback()).unwrap();
    assert_eq!(call.pair.a.peer.ice_gathering_state(), IceGatheringState::New);
    let [again, _] = call.negotiate(without_groups, same).unwrap();
    assert_eq!(values(&first, "a=ice-ufrag:"), values(&again, "a=ice-ufrag:"));
    call.connect();
    let before = transports(&call.pair.a);
    assert_eq!(before.len(), 2);

    call.pair.a.peer.add_track(Video, Vec::new()).unwrap();
    call.pair.a.peer.restart_ice();
    let ufrags = |side: &Side| {
        let session = side.peer.session();
        session.transports().map(|id| session.ice(id).unwrap().local_credentials().ufrag.clone()).collect::<Vec<_>>()
    };
    let names = ufrags(&call.pair.a);
    let now = call.now();
    offer(&mut call.pair.a, now);
    assert_eq!(call.pair.a.peer.session().transports().count(), 3);
    assert_ne!(ufrags(&call.pair.a)[..2], names);
    call.pair.a.peer.set_local_description(now, SessionDescription::rollback()).unwrap();
    assert_eq!(ufrags(&call.pair.a)[..2], names);
    assert_eq!(call.pair.a.peer.ice_connection_state(), IceConnectionState::Completed);
    call.connect();
    assert_eq!(call.heard().len(), 1);
    call.send_message();
    // Offers that come and go leave nothing behind.
    for round in 0..100 {
        let now = call.now();
        call.pair.b.peer.create_offer(now).unwrap();
        let offered = call.pair.a.peer.create_offer(now).unwrap();
        let renamed = offered.sdp.replace("a=mid:2\r\n", &format!("a=mid:r{round}\r\n")).replace("BUNDLE 2", "LS x");
        call.pair.b.peer.set_remote_description(now, SessionDescription::offer(renamed)).unwrap();
        call.pair.b.peer.create_answer(now).unwrap();
        call.pair.b.peer.set_remote_description(now, SessionDescription::rollback()).unwrap();
        assert!(call.pair.b.peer.session().transports().count() <= 3, "round {round}");
    }
}

/// Guards: a track or channel on a transport of its own makes the connection connect again, and its end makes it whole again.
#[test]
fn the_states_are_those_of_all_transports() {
    let mut call = Call::new(11, [BundlePolicy::MaxCompat; 2]);
    call.pair.a.peer.add_track(Audio, Vec::new()).unwrap();
    call.negotiate(without_groups, same).unwrap();
    call.connect();
    call.pair.a.events.clear();
    let now = call.now();
    call.pair.a.create_channel(now, Default::default());
    call.negotiate(without_groups, same).unwrap();
    assert_eq!(call.pair.a.peer.connection_state(), ConnectionState::Connecting);
    call.connect();
    let states = call.pair.a.events.iter().filter_map(|event| match event {
        PeerEvent::ConnectionStateChange(state) => Some(*state),
        _ => None,
    });
    assert_eq!(states.collect::<Vec<_>>(), [ConnectionState::Connecting, ConnectionState::Connected]);
    assert_eq!(transports(&call.pair.a).len(), 2);
    call.send_message();
    // With its only transceiver the transport of sound goes.
    let id = state_of(&call.pair.a, "0").id;
    call.pair.a.peer.stop_transceiver(id).unwrap();
    call.negotiate(same, same).unwrap();
    for side in [&call.pair.a, &call.pair.b] {
        assert_eq!(transports(side), [side.peer.data_transport().unwrap()]);
        assert_eq!(side.peer.connection_state(), ConnectionState::Connected);
    }
    call.send_message();
}

/// Guards: a peer without mids, with its parameters at session level, as a gateway writes them: sections go by their places, and
/// the answer names none.
#[test]
fn sections_without_mids_go_by_their_places() {
    let mut call = Call::with(12, [BundlePolicy::Balanced; 2], &[Audio, Video]);
    let anonymous = |sdp: String| -> String {
        let named = |line: &&str| line.starts_with("a=mid:") || line.contains("sdes:mid");
        without_groups(sdp).split_inclusive("\r\n").filter(|line| !named(line)).collect()
    };
    let [_, answered] = call.negotiate(anonymous, same).unwrap();
    assert!(!answered.sdp.contains("a=mid:") && groups(&answered).is_empty(), "{}", answered.sdp);
    call.connect();
    assert_eq!(call.heard().len(), 2);
    call.send_message();
    assert_eq!(transports(&call.pair.a).len(), 3);
}

/// Guards: what stands above all sections holds for each transport, and a peer that only answers checks (`a=ice-lite`) makes this
/// side decide on all of them.
#[test]
fn parameters_at_session_level_hold_for_each_transport() {
    let mut call = Call::with(13, [BundlePolicy::Balanced, BundlePolicy::Balanced], &[Audio, Video]);
    let lifted = |sdp: String| {
        let sdp = without_groups(sdp);
        let setup = "a=setup:actpass\r\n";
        let print = sdp.split_inclusive("\r\n").find(|line| line.starts_with("a=fingerprint")).unwrap().to_owned();
        let sdp = sdp.replace(&print, "").replace(setup, "");
        sdp.replacen("t=0 0\r\n", &format!("t=0 0\r\na=ice-lite\r\n{print}{setup}"), 1)
    };
    let [_, answered] = call.negotiate(lifted, same).unwrap();
    assert_eq!(values(&answered, "a=setup:"), vec![Some("active"); 3]);
    let b = call.pair.b.peer.session();
    assert!(b.transports().all(|id| b.ice(id).unwrap().role() == ortica_ice::Role::Controlling));
    call.connect();
    assert_eq!(call.heard().len(), 2);
    call.send_message();
}

/// Guards: a section that names a transport says `a=rtcp-mux`, in offers and answers; nothing has changed otherwise.
#[test]
fn sdp_10_a_section_without_rtcp_mux_is_refused() {
    let without = |sdp: String| sdp.replace("a=rtcp-mux\r\n", "");
    let mut call = Call::with(14, [BundlePolicy::Balanced; 2], &[Audio]);
    let now = call.now();
    let offered = offer(&mut call.pair.a, now);
    assert_eq!(values(&offered, "a=rtcp-mux-only"), [Some(""), None], "offered for the first time");
    let refused = SessionDescription::offer(without(offered.sdp.clone()));
    let error = call.pair.b.peer.set_remote_description(now, refused).unwrap_err();
    assert_eq!(error.to_string(), "section 0: it does not multiplex RTP and RTCP");
    assert_eq!(call.pair.b.peer.remote_description(), None);
    call.pair.b.peer.set_remote_description(now, offered).unwrap();
    let answered = answer(&mut call.pair.b, now);
    let refused = SessionDescription::answer(without(answered.sdp.clone()));
    let error = call.pair.a.peer.set_remote_description(now, refused).unwrap_err();
    assert_eq!(error.to_string(), "section 0: it does not multiplex RTP and RTCP");
    call.pair.a.peer.set_remote_description(now, answered).unwrap();
    call.connect();
    let [next, _] = call.negotiate(same, same).unwrap();
    assert_eq!((values(&next, "a=rtcp-mux-only"), values(&next, "a=rtcp-mux")[0]), (vec![None, None], Some("")));
}

/// Guards: a transport for each of many sections is refused beyond the limit, and nothing has changed then.
#[test]
fn transports_are_bounded() {
    let mut a = Side::new(1, Pair::<Side>::A);
    a.peer.set_codecs(vec![Codec::Pcmu]);
    a.peer.set_bundle_policy(BundlePolicy::MaxCompat);
    let now = netsim::epoch();
    for _ in 0..65 {
        a.peer.add_transceiver(Audio, Default::default()).unwrap();
    }
    assert_eq!(a.peer.create_offer(now), Err(DescriptionError::Transport(TransportError::TooMany)));
    a.peer.set_bundle_policy(BundlePolicy::Balanced);
    let offered = a.peer.create_offer(now).unwrap();
    assert_eq!(a.peer.session().transports().count(), 1, "the others were dropped");
    a.peer.set_local_description(now, offered).unwrap();
}

/// Guards: two sections on one socket pair: without further sockets the checks tell transports apart, up to the first DTLS packet.
#[test]
fn a_pair_of_sockets_serves_several_transports_of_bundling_peers() {
    let a = Side::new(3, Pair::<Side>::A);
    let mut pair = Pair::new(1, Link::with_delay(DELAY), a, Side::new(4, Pair::<Side>::B));
    for side in [&mut pair.a, &mut pair.b] {
        side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    }
    pair.a.peer.add_track(Audio, Vec::new()).unwrap();
    pair.a.peer.add_track(Video, Vec::new()).unwrap();
    let now = pair.now();
    exchange(now, &mut pair.a, &mut pair.b);
    let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(5), |a, b| connected(a) && connected(b)).unwrap();
}
