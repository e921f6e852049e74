//! Where to publish or play, as whom, and how.

use super::error::{ResponseError, WhipError};
use super::fetch;
use super::ice::{self, Told};
use super::outcome::{Heard, Named};
use super::request::{MAX_REDIRECTS, Request};
use super::session::Session;
use super::target::{self, Bearer, UrlError};
use crate::jsep::{DescriptionError, SdpType, SessionDescription};
use crate::tls::Trust;
use crate::{BundlePolicy, Direction, PeerConnection};
use ortica_sdp::Session as Description;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tokio::time::timeout;
use url::Url;

/// When an offer is sent.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Gathering {
    /// At once; [`Session::trickle`] tells the candidates that are found later. To a server that was seen not to take them, as
    /// with [`Complete`](Self::Complete).
    #[default]
    Trickle,
    /// When all candidates are known, or after as long as a request may take.
    Complete,
}

/// A WHIP or WHEP endpoint, and how to ask it. Clones share what was learned about it.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Url,
    bearer: Bearer,
    trust: Arc<Trust>,
    limit: Duration,
    gathering: Gathering,
    /// The server was seen to take no candidates after the offer.
    takes_no_more: Arc<AtomicBool>,
}

impl Client {
    /// How many redirections of a request are followed.
    pub const MAX_REDIRECTS: u8 = MAX_REDIRECTS;
    /// How long a request may take unless [`with_timeout`](Self::with_timeout) says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

    /// For an endpoint. Plain HTTP is taken where the URL says so; it is meant for servers on one's own network (RFC 9725 §5).
    ///
    /// # Errors
    /// See [`UrlError`].
    pub fn new(endpoint: &str) -> Result<Self, UrlError> {
        let endpoint = target::read(endpoint, None)?;
        Ok(Self {
            bearer: Bearer::new(&endpoint),
            endpoint,
            trust: Arc::default(),
            limit: Self::DEFAULT_TIMEOUT,
            gathering: Gathering::default(),
            takes_no_more: Arc::default(),
        })
    }

    /// With a token, shown to the origin of the endpoint alone. Default: none.
    ///
    /// # Errors
    /// [`WhipError::Token`].
    ///
    /// Source: [RFC 9725 §4.7.1](https://www.rfc-editor.org/rfc/rfc9725#section-4.7.1)
    pub fn with_token(mut self, token: &str) -> Result<Self, WhipError> {
        self.bearer.set(token)?;
        Ok(self)
    }

    /// Shows the token to the origin of this URL too: where sessions are, if that is elsewhere. Default: none.
    ///
    /// # Errors
    /// See [`UrlError`].
    pub fn with_trusted_origin(mut self, url: &str) -> Result<Self, UrlError> {
        self.bearer.trust(&target::read(url, None)?);
        Ok(self)
    }

    /// Trusts these certificates (in DER) to vouch for servers, and no others. Default: those of the system.
    #[must_use]
    pub fn with_roots(mut self, certificates: Vec<Vec<u8>>) -> Self {
        self.trust = Arc::new(Trust::in_roots(certificates));
        self
    }

    /// How long each request may take, from looking up the host to the last byte of the response. Default:
    /// [`DEFAULT_TIMEOUT`](Self::DEFAULT_TIMEOUT).
    #[must_use]
    pub fn with_timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// When to send the offer. Default: [`Gathering::Trickle`].
    #[must_use]
    pub fn with_gathering(mut self, gathering: Gathering) -> Self {
        self.gathering = gathering;
        self
    }

    /// Publishes what the connection has to send: makes the offer, and sets the answer. Each section is to send. If the future is
    /// dropped the offer is taken back; a server that had it may keep a session that nobody uses.
    ///
    /// # Errors
    /// See [`WhipError`]; the connection is as it was then.
    ///
    /// Source: [RFC 9725 §4.2](https://www.rfc-editor.org/rfc/rfc9725#section-4.2)
    pub async fn publish(&self, pc: &PeerConnection) -> Result<Session, WhipError> {
        let (offer, heard) = self.offer(pc, Direction::SendOnly).await?;
        self.accept(pc, offer, &heard)
    }

    /// Plays into the connection: makes the offer, and sets the answer. Each section is to receive. A server may answer with an
    /// offer of its own: it takes the place of the connection's, is answered, and what it sends comes with transceivers of its
    /// own; those that the connection had are stopped.
    ///
    /// # Errors
    /// See [`WhipError`]; the connection is as it was then, with one exception: a server that refuses the answer to its own offer,
    /// where [candidates are gathered before](Gathering::Complete), leaves the connection negotiated, and it can only be closed.
    ///
    /// Source: [draft-ietf-wish-whep §4.3](https://datatracker.ietf.org/doc/html/draft-ietf-wish-whep-04#section-4.3)
    pub async fn play(&self, pc: &PeerConnection) -> Result<Session, WhipError> {
        let (offer, heard) = self.offer(pc, Direction::RecvOnly).await?;
        match heard.counter_offer()? {
            Some(named) => self.answer(pc, offer, named, heard.description()?).await,
            None => self.accept(pc, offer, &heard),
        }
    }

    /// Sends the connection's offer.
    async fn offer<'a>(&self, pc: &'a PeerConnection, way: Direction) -> Result<(Pending<'a>, Heard), WhipError> {
        if pc.configuration().bundle_policy() != BundlePolicy::MaxBundle {
            return Err(WhipError::BundlePolicy);
        }
        if pc.local_description().is_some() || pc.remote_description().is_some() {
            return Err(WhipError::InUse);
        }
        let offer = pc.create_offer().map_err(WhipError::Local)?;
        let goes = ice::goes(&read(&offer.sdp)?, way);
        goes.map_err(|index| index.map_or(WhipError::NoMedia, WhipError::Direction))?;
        pc.set_local_description(offer).map_err(WhipError::Local)?;
        let mut pending = Pending::new(pc, SdpType::Offer);
        self.gather(pc).await;
        pending.text = local(pc)?;
        let heard = self.ask(Request::begin(&self.endpoint, pending.text.clone())).await?;
        Ok((pending, heard))
    }

    /// Sets the answer of the server.
    fn accept(&self, pc: &PeerConnection, offer: Pending<'_>, heard: &Heard) -> Result<Session, WhipError> {
        // What is wrong with the rest ends it.
        let session = Session::new(self, pc, heard.session()?, Told::of(&read(&offer.text)?));
        let answer = SessionDescription::answer(heard.description()?);
        pc.set_remote_description(answer).map_err(WhipError::Remote)?;
        offer.stands();
        Ok(session)
    }

    /// Answers the offer of the server.
    async fn answer(
        &self,
        pc: &PeerConnection,
        ours: Pending<'_>,
        named: Named,
        offer: String,
    ) -> Result<Session, WhipError> {
        let parsed = offer.parse().map_err(ResponseError::Sdp)?;
        ice::goes(&parsed, Direction::SendOnly).map_err(|_| ResponseError::Direction)?;
        drop(ours);
        pc.set_remote_description(SessionDescription::offer(offer)).map_err(WhipError::Remote)?;
        let theirs = Pending::new(pc, SdpType::Answer);
        let answer = pc.create_answer().map_err(WhipError::Local)?;
        let waits = self.waits();
        // Set before it is sent only where it has to be, for it cannot be taken back.
        if waits {
            pc.set_local_description(answer.clone()).map_err(WhipError::Local)?;
            self.gather(pc).await;
        }
        let text = if waits { local(pc)? } else { answer.sdp.clone() };
        let session = Session::new(self, pc, named, Told::of(&read(&text)?));
        self.ask(Request::answer(session.place(), text)).await?.taken()?;
        if !waits {
            pc.set_local_description(answer).map_err(WhipError::Local)?;
        }
        theirs.stands();
        stop_the_others(pc);
        Ok(session)
    }

    /// Asks, and follows redirections.
    pub(super) async fn ask(&self, mut request: Request) -> Result<Heard, WhipError> {
        loop {
            let authorization = self.bearer.shown_to(&request.url);
            let response = fetch::send(&request, authorization, &self.trust, self.limit).await?;
            match request.redirected(&response)? {
                Some(next) => request = next,
                None => return Ok(Heard { from: request.url, response, at: SystemTime::now() }),
            }
        }
    }

    /// Waits for the candidates, where they are to be known before.
    pub(super) async fn gather(&self, pc: &PeerConnection) {
        if self.waits() && timeout(self.limit, pc.gathering_complete()).await.is_err() {
            tracing::debug!("candidates are still being gathered");
        }
    }

    fn waits(&self) -> bool {
        self.gathering == Gathering::Complete || self.takes_no_more()
    }

    /// Whether the server was seen to take no candidates after the offer.
    pub(super) fn takes_no_more(&self) -> bool {
        self.takes_no_more.load(Ordering::Relaxed)
    }

    pub(super) fn note_takes_no_more(&self) {
        self.takes_no_more.store(true, Ordering::Relaxed);
    }
}

/// A description that is taken back unless it stands.
#[derive(Debug)]
pub(super) struct Pending<'a> {
    pc: &'a PeerConnection,
    /// Of which side's offer it is about: an offer is this side's, an answer one to the other's.
    kind: SdpType,
    text: String,
    stands: bool,
}

impl<'a> Pending<'a> {
    pub fn new(pc: &'a PeerConnection, kind: SdpType) -> Self {
        Self { pc, kind, text: String::new(), stands: false }
    }

    pub fn stands(mut self) {
        self.stands = true;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.stands {
            return;
        }
        let taken_back = match self.kind {
            SdpType::Offer => self.pc.set_local_description(SessionDescription::rollback()),
            _ => self.pc.set_remote_description(SessionDescription::rollback()),
        };
        if let Err(error) = taken_back {
            tracing::debug!(%error, "an offer stands");
        }
    }
}

/// The local description, as far as it is known.
pub(super) fn local(pc: &PeerConnection) -> Result<String, WhipError> {
    pc.local_description().map(|it| it.sdp).ok_or(WhipError::Local(DescriptionError::Closed))
}

/// Reads a description of this side.
pub(super) fn read(text: &str) -> Result<Description, WhipError> {
    text.parse().map_err(|error| WhipError::Local(DescriptionError::Syntax(error)))
}

/// Stops what the connection had before the server's offer took the place of its own, as no negotiation will reach it.
fn stop_the_others(pc: &PeerConnection) {
    for transceiver in pc.transceivers().into_iter().filter(|transceiver| transceiver.mid().is_none()) {
        if let Err(error) = transceiver.stop() {
            tracing::debug!(%error, "a transceiver goes on");
        }
    }
}
