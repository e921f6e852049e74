//! A session on a server.

use super::client::{Client, Pending, local, read};
use super::error::WhipError;
use super::ice::{self, Told};
use super::outcome::Named;
use super::request::Request;
use crate::driver::Interest;
use crate::jsep::{DescriptionError, SdpType, SessionDescription};
use crate::{IceServer, PeerConnection};
use http::HeaderValue;
use ortica_sdp::Session as Description;
use std::future::poll_fn;
use url::Url;

/// What became of candidates.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Trickled {
    /// The server knows all of them.
    All,
    /// The server takes none after the offer. Those it does not know it may learn from the checks that reach it.
    Refused,
}

/// A session on a server: what is published or played. It holds a handle of its connection. Dropping it ends the session on the
/// server as [`end`](Self::end) does, without waiting, as long as there is a tokio runtime to do so.
#[derive(Debug)]
pub struct Session {
    client: Client,
    pc: PeerConnection,
    url: Url,
    /// Stands for the generation of ICE.
    tag: Option<HeaderValue>,
    ice_servers: Vec<IceServer>,
    told: Told,
    over: bool,
}

impl Session {
    pub(super) fn new(client: &Client, pc: &PeerConnection, named: Named, told: Told) -> Self {
        let Named { url, tag, ice_servers } = named;
        Self { client: client.clone(), pc: pc.clone(), url, tag, ice_servers, told, over: false }
    }

    /// Where the session is.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    pub(super) fn place(&self) -> &Url {
        &self.url
    }

    /// The servers that help to find a path, as far as the server names some. To use them, give them to
    /// [`PeerConnection::set_configuration`], and [restart ICE](Self::restart_ice).
    ///
    /// Source: [RFC 9725 §4.6](https://www.rfc-editor.org/rfc/rfc9725#section-4.6)
    pub fn ice_servers(&self) -> &[IceServer] {
        &self.ice_servers
    }

    /// Tells the server the candidates that it does not know, until it knows all. Those that are found while a request is under way
    /// go with the next. Nothing is lost if the future is dropped: what the server did not take is told the next time.
    ///
    /// # Errors
    /// See [`WhipError`]; among them [`WhipError::Local`] when the connection is closed.
    ///
    /// Source: [RFC 9725 §4.3.2](https://www.rfc-editor.org/rfc/rfc9725#section-4.3.2)
    pub async fn trickle(&mut self) -> Result<Trickled, WhipError> {
        let mut text = String::new();
        loop {
            text = self.next_description(&text).await?;
            let description = read(&text)?;
            let known = Told::of(&description);
            if known != self.told && !self.tell(&description).await? {
                return Ok(Trickled::Refused);
            }
            self.told = known;
            if self.told.complete {
                return Ok(Trickled::All);
            }
        }
    }

    /// The local description, once it is not the one that was seen.
    async fn next_description(&self, seen: &str) -> Result<String, WhipError> {
        let mut place = self.pc.handle().cell.place(Interest::Transport);
        let changed = poll_fn(|cx| {
            place.poll(cx, |peer, _| match peer.local_description() {
                _ if peer.is_ended() => Some(None),
                Some(description) if description.sdp != seen => Some(Some(description.sdp)),
                _ => None,
            })
        });
        changed.await.ok_or(WhipError::Local(DescriptionError::Closed))
    }

    /// Tells the server the candidates of a description; `false` if it takes none.
    async fn tell(&self, description: &Description) -> Result<bool, WhipError> {
        if self.client.takes_no_more() {
            return Ok(false);
        }
        let Some(fragment) = ice::fragment(description) else { return Ok(true) };
        let heard = self.client.ask(Request::trickle(&self.url, &fragment, self.tag.as_ref())).await?;
        match heard.taken() {
            Err(WhipError::Refused(refusal)) if refusal.reason.is_lasting() => {
                tracing::debug!(%refusal, "the server takes no candidates after the offer");
                self.client.note_takes_no_more();
                Ok(false)
            }
            taken => taken.map(|()| true),
        }
    }

    /// Restarts ICE, after a change of the network, or when the connection failed; the pair in use carries on meanwhile.
    /// Afterwards [`trickle`](Self::trickle) tells the new candidates. If the future is dropped the restart is taken back.
    ///
    /// # Errors
    /// See [`WhipError`]: [`Renegotiation`](WhipError::Renegotiation) if the connection has more to negotiate than ICE. The session
    /// and the connection go on as they were then.
    ///
    /// Source: [RFC 9725 §4.3.3](https://www.rfc-editor.org/rfc/rfc9725#section-4.3.3)
    pub async fn restart_ice(&mut self) -> Result<(), WhipError> {
        self.pc.restart_ice();
        let before = read(&local(&self.pc)?)?;
        let offer = self.pc.create_offer().map_err(WhipError::Local)?;
        if !ice::only_restarts(&before, &read(&offer.sdp)?) {
            return Err(WhipError::Renegotiation);
        }
        self.pc.set_local_description(offer).map_err(WhipError::Local)?;
        let pending = Pending::new(&self.pc, SdpType::Offer);
        self.client.gather(&self.pc).await;
        let offered = read(&local(&self.pc)?)?;
        let Some(fragment) = ice::fragment(&offered) else { return Err(WhipError::Renegotiation) };
        let heard = self.client.ask(Request::restart(&self.url, &fragment)).await?;
        let (fragment, tag) = heard.restarted()?;
        let answer = ice::answer(&self.remote()?, role(&before), &fragment)?;
        let answer = SessionDescription::answer(answer.to_string());
        self.pc.set_remote_description(answer).map_err(WhipError::Remote)?;
        pending.stands();
        self.told = Told::of(&offered);
        self.tag = tag;
        Ok(())
    }

    /// What the other side said last.
    fn remote(&self) -> Result<Description, WhipError> {
        let remote = self.pc.current_remote_description().ok_or(WhipError::Local(DescriptionError::Closed))?;
        remote.sdp.parse().map_err(|error| WhipError::Remote(DescriptionError::Syntax(error)))
    }

    /// Ends the session on the server. The connection is still to be closed.
    ///
    /// # Errors
    /// See [`WhipError`]. A session that the server does not know any more has ended.
    ///
    /// Source: [RFC 9725 §4.2](https://www.rfc-editor.org/rfc/rfc9725#section-4.2)
    pub async fn end(mut self) -> Result<(), WhipError> {
        let heard = self.client.ask(Request::end(&self.url)).await;
        self.over = true;
        heard?.ended()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::debug!(url = %self.url, "no runtime is left to end a session");
            return;
        };
        let (client, request) = (self.client.clone(), Request::end(&self.url));
        runtime.spawn(async move {
            if let Err(error) = client.ask(request).await.and_then(|heard| heard.ended()) {
                tracing::debug!(%error, "a session was not ended");
            }
        });
    }
}

/// This side's part of the DTLS handshake.
fn role(local: &Description) -> Option<ortica_sdp::Setup> {
    local.sections().filter(|section| !section.is_rejected()).find_map(|section| section.setup())
}
