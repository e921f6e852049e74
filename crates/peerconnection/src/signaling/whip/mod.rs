//! Publishing to a server and playing from one, over HTTP: WHIP and WHEP; feature `whip`.
//!
//! | file | what |
//! |---|---|
//! | `client` | [`Client`]: where to, as whom, how; begins sessions |
//! | `session` | [`Session`]: candidates told later, restarts of ICE, the end |
//! | `request` | what is asked, and where a redirection leads |
//! | `outcome`, `refusal` | what the responses mean |
//! | `ice` | ICE in fragments of descriptions |
//! | `target` | URLs, and who is shown the token |
//! | `fetch` | the only file with sockets: HTTP/1.1 and TLS |
//!
//! A session is one offer and one answer: what is published or played is set before, and only ICE changes later. The connection is
//! to have [`BundlePolicy::MaxBundle`](crate::BundlePolicy::MaxBundle).
//!
//! ```no_run
//! use ortica::jsep::TransceiverInit;
//! use ortica::signaling::whip::Client;
//! use ortica::{BundlePolicy, Configuration, Direction, LocalTrack, PeerConnection};
//!
//! # async fn publish() -> Result<(), Box<dyn std::error::Error>> {
//! let configuration = Configuration::default().with_bundle_policy(BundlePolicy::MaxBundle);
//! let (pc, mut events) = PeerConnection::new(configuration)?;
//! let camera = LocalTrack::video();
//! pc.add_transceiver(&camera, TransceiverInit { direction: Direction::SendOnly, ..Default::default() })?;
//! let client = Client::new("https://whip.example.com/live")?.with_token("the key of the stream")?;
//! let mut session = client.publish(&pc).await?;
//! session.trickle().await?;
//! // pictures are written to the camera, events looked at; after a change of the network:
//! session.restart_ice().await?;
//! session.trickle().await?;
//! session.end().await?;
//! # Ok(())
//! # }
//! ```
//!
//! **When candidates are told.** [`Gathering::Trickle`], the default, sends the offer at once; [`Session::trickle`] tells what is
//! found later. A server that takes no candidates later (it answers PATCH with 405, 422 or 501) has those of the offer; the client
//! remembers that, and from then on waits until all are known before it makes an offer, as [`Gathering::Complete`] does from the
//! beginning.
//!
//! **The token** is shown to the origin of the URL that it was given with. A redirection or a session elsewhere does without,
//! unless [`Client::with_trusted_origin`] says otherwise. RFC 9725 §4.7.1 would show it to every session, wherever a server puts
//! it.
//!
//! **Left out**: OPTIONS (discouraged by RFC 9725 §4.6), extensions (§4.9), authentication other than by tokens, and the time for
//! which a counter-offer stands (`valid-until`), as it is answered at once. A player that is told 409 asks again when its
//! application does.
//!
//! Source: [RFC 9725](https://www.rfc-editor.org/rfc/rfc9725),
//! [draft-ietf-wish-whep](https://datatracker.ietf.org/doc/html/draft-ietf-wish-whep-04)

mod client;
mod error;
mod fetch;
mod ice;
mod outcome;
mod refusal;
mod request;
mod response;
mod session;
mod target;

pub use client::{Client, Gathering};
pub use error::{RedirectError, ResponseError, WhipError};
pub use fetch::HttpError;
pub use refusal::{Reason, Refusal};
pub use session::{Session, Trickled};
pub use target::UrlError;
