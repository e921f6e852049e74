//! A media server: a session, with a connection behind it.

use crate::connection;
use crate::server::{Asked, Reply, Server, Shared};
use crate::sockets::describe;
use ortica::jsep::{IceCandidate, SessionDescription};
use ortica::{Direction, Events, LocalTrack, PeerConnection};
use ortica_sdp::{Attribute, Fragment, Session, Setup};
use std::sync::Arc;

const SDP: &str = "application/sdp";

/// What it is to do.
#[derive(Clone, Default)]
pub struct Behaviour {
    /// What it plays to whoever asks.
    pub plays: Option<LocalTrack>,
    /// Answers an offer with its own.
    pub counters: bool,
    /// Answers each PATCH for ICE so.
    pub patch: Option<Reply>,
    /// Answers the PATCH with the answer to its offer so.
    pub answered: Option<Reply>,
}

pub struct MediaServer {
    pub http: Server,
    state: Arc<Shared<State>>,
}

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    session: Option<PeerConnection>,
    events: Option<Events>,
    generation: u32,
    /// The tags that came with candidates.
    tags: Vec<String>,
    /// The description of the client, as it was last.
    theirs: String,
}

impl MediaServer {
    pub async fn start(behaviour: Behaviour) -> Self {
        let state = Arc::new(Shared::default());
        state.with(|state: &mut State| state.behaviour = behaviour);
        let shared = state.clone();
        let http = Server::start(move |asked| {
            let state = shared.clone();
            Box::pin(async move {
                match asked.method.as_str() {
                    "POST" => begin(&state, &asked).await,
                    "PATCH" if asked.header("content-type") == Some(SDP) => answered(&state, &asked),
                    "PATCH" => patch(&state, &asked).await,
                    "DELETE" => end(&state),
                    _ => Reply::new(405),
                }
            })
        })
        .await;
        Self { http, state }
    }

    /// Whom it talks to.
    pub fn session(&self) -> PeerConnection {
        self.state.with(|state| state.session.clone()).expect("a session has begun")
    }

    pub fn events(&self) -> Events {
        self.state.with(|state| state.events.take()).expect("a session has begun")
    }

    /// The tags that came with candidates, in order.
    pub fn tags(&self) -> Vec<String> {
        self.state.with(|state| state.tags.clone())
    }

    /// Answers each PATCH for ICE so from now on.
    pub fn set_patch(&self, reply: Option<Reply>) {
        self.state.with(|state| state.behaviour.patch = reply);
    }
}

async fn begin(state: &Shared<State>, asked: &Asked) -> Reply {
    let (pc, events) = connection();
    let Behaviour { plays, counters, .. } = state.with(|state| state.behaviour.clone());
    let (status, text) = if counters {
        let track = plays.expect("something is to be played");
        pc.add_transceiver(&track, crate::one_way(Direction::SendOnly)).expect("a transceiver");
        (406, describe(&pc).await.sdp)
    } else {
        pc.set_remote_description(SessionDescription::offer(asked.body.as_str())).expect("a legal offer");
        for transceiver in pc.transceivers().iter().filter(|_| plays.is_some()) {
            transceiver.set_direction(Direction::SendOnly).expect("it goes on");
            transceiver.sender().replace_track(plays.as_ref()).expect("of that kind");
        }
        (201, describe(&pc).await.sdp)
    };
    state.with(|state| {
        state.theirs.clone_from(&asked.body);
        state.generation = 1;
        (state.session, state.events) = (Some(pc), Some(events));
    });
    Reply::new(status).with("location", "sessions/1").with("etag", "\"1\"").body(SDP, text)
}

fn answered(state: &Shared<State>, asked: &Asked) -> Reply {
    let (pc, reply) = state.with(|state| {
        state.theirs.clone_from(&asked.body);
        (state.session.clone().expect("it has offered"), state.behaviour.answered.clone())
    });
    reply.unwrap_or_else(|| {
        pc.set_remote_description(SessionDescription::answer(asked.body.as_str())).expect("a legal answer");
        Reply::new(204)
    })
}

/// Candidates, or a restart, as RFC 9725 §4.3.1 tells them apart.
async fn patch(state: &Shared<State>, asked: &Asked) -> Reply {
    let (pc, reply, generation) = state.with(|state| {
        state.tags.extend(asked.header("if-match").map(str::to_owned));
        (state.session.clone().expect("a session"), state.behaviour.patch.clone(), state.generation)
    });
    if let Some(reply) = reply {
        return reply;
    }
    let fragment: Fragment = asked.body.parse().expect("a legal fragment");
    match asked.header("if-match") {
        None => Reply::new(428),
        Some("*") => restart(state, &pc, &fragment).await,
        Some(tag) if tag != format!("\"{generation}\"") => Reply::new(412),
        Some(_) => {
            for media in &fragment.media {
                for candidate in media.candidates() {
                    let candidate = IceCandidate {
                        candidate: format!("candidate:{candidate}"),
                        sdp_mid: media.mid().map(str::to_owned),
                        username_fragment: media.ice_ufrag().map(str::to_owned),
                        ..IceCandidate::default()
                    };
                    pc.add_ice_candidate(&candidate).expect("a legal candidate");
                }
            }
            Reply::new(204)
        }
    }
}

async fn restart(state: &Shared<State>, pc: &PeerConnection, fragment: &Fragment) -> Reply {
    let text = state.with(|state| state.theirs.clone());
    let mut offer: Session = text.parse().expect("it was legal");
    let (ufrag, pwd) = fragment.ice_credentials().expect("a restart has some");
    offer.origin.session_version += 1;
    for media in &mut offer.media {
        media.remove("candidate");
        media.remove("end-of-candidates");
        media.set(Setup::ActPass);
        media.set(Attribute::IceUfrag(ufrag.to_owned()));
        media.set(Attribute::IcePwd(pwd.to_owned()));
        let told = fragment.media.iter().filter(|told| told.mid() == media.mid());
        let candidates = told.flat_map(|told| told.attributes.iter()).filter(|it| it.name() == "candidate").cloned();
        let candidates: Vec<_> = candidates.collect();
        media.attributes.extend(candidates);
    }
    pc.set_remote_description(SessionDescription::offer(offer.to_string())).expect("a legal restart");
    let answer: Session = describe(pc).await.sdp.parse().expect("ours is legal");
    let section = answer.section(0).expect("it has one");
    let (ufrag, pwd) = section.ice_credentials().expect("ours has some");
    let mut told = Fragment::section(section.mid().expect("ours has one"));
    told.push(Attribute::IceUfrag(ufrag.to_owned()));
    told.push(Attribute::IcePwd(pwd.to_owned()));
    told.attributes.extend(section.attributes.iter().filter(|it| it.name() == "candidate").cloned());
    told.push(Attribute::EndOfCandidates);
    let mut fragment = Fragment::default();
    fragment.media.push(told);
    let generation = state.with(|state| {
        state.generation += 1;
        state.generation
    });
    Reply::new(200).with("etag", format!("\"{generation}\"")).body(Fragment::MEDIA_TYPE, fragment.to_string())
}

fn end(state: &Shared<State>) -> Reply {
    match state.with(|state| state.session.take()) {
        // Dropped, it closes.
        Some(_) => Reply::new(200),
        None => Reply::new(404),
    }
}
