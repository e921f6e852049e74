//! Janus over HTTP: requests are posted, and what happens comes as the answer to a question that waits for it.

use ortica::jsep::SessionDescription;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use ureq::Agent;

/// Janus answers a question without news after half a minute.
const PATIENCE: Duration = Duration::from_secs(60);
/// What happened and was not looked at yet.
const UNREAD: usize = 64;

/// Why Janus did not do what it was asked to.
#[derive(Debug, Error)]
pub enum JanusError {
    /// It cannot be reached, or answers something else than JSON.
    #[error("Janus cannot be talked to")]
    Http(#[from] ureq::Error),
    /// It says no.
    #[error("Janus refuses: {reason} ({code})")]
    Refused {
        /// Its number for that.
        code: i64,
        /// Why.
        reason: String,
    },
    /// Its answer lacks something.
    #[error("an answer of Janus has no {0}")]
    Lacking(&'static str),
    /// The session is over.
    #[error("Janus has ended the session")]
    Ended,
}

/// One of its plugins, as this session uses it.
pub struct Handle {
    number: u64,
}

/// What a plugin answers.
pub struct Reply {
    pub data: Value,
    pub description: Option<SessionDescription>,
}

impl Reply {
    /// What Janus describes with it.
    pub fn description(self) -> Result<SessionDescription, JanusError> {
        self.description.ok_or(JanusError::Lacking("description"))
    }
}

/// A session, which lives as long as it is asked what happens.
pub struct Session {
    agent: Agent,
    url: String,
    events: mpsc::Receiver<Value>,
    /// What happened while an answer was waited for.
    unread: VecDeque<Value>,
    requests: u64,
}

impl Session {
    /// Begins one at an address like `http://127.0.0.1:8088/janus`.
    pub async fn new(url: &str) -> Result<Self, JanusError> {
        let agent: Agent = Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        let created = post(&agent, url, json!({ "janus": "create", "transaction": "create" })).await?;
        let url = format!("{}/{}", url.trim_end_matches('/'), number(&created["data"]["id"])?);
        let (to, events) = mpsc::channel(UNREAD);
        let (asking, question) = (agent.clone(), format!("{url}?maxev=1"));
        // Nobody waits for its last question at the end.
        std::thread::spawn(move || listen(&asking, &question, &to));
        Ok(Self { agent, url, events, unread: VecDeque::new(), requests: 0 })
    }

    /// Begins to use a plugin.
    pub async fn attach(&mut self, plugin: &str) -> Result<Handle, JanusError> {
        let attached = self.post("", json!({ "janus": "attach", "plugin": plugin })).await?;
        Ok(Handle { number: number(&attached["data"]["id"])? })
    }

    /// Asks a plugin for something, and waits for what comes of it.
    pub async fn request(
        &mut self,
        handle: &Handle,
        body: Value,
        description: Option<SessionDescription>,
    ) -> Result<Reply, JanusError> {
        let mut message = json!({ "janus": "message", "body": body });
        if let Some(description) = description {
            // It has all candidates already.
            message["jsep"] = json!({ "type": description.kind.to_string(), "sdp": description.sdp, "trickle": false });
        }
        let said = self.post(&format!("/{}", handle.number), message).await?;
        let transaction = said["transaction"].clone();
        // What takes no time is answered at once.
        let mut answer = said;
        while answer["janus"] == "ack" || answer["transaction"] != transaction {
            if answer["janus"] != "ack" {
                self.unread.push_back(answer);
                self.unread.drain(..self.unread.len().saturating_sub(UNREAD));
            }
            answer = self.events.recv().await.ok_or(JanusError::Ended)?;
            refused(&answer)?;
        }
        let data = answer["plugindata"]["data"].take();
        if let Some(code) = data["error_code"].as_i64() {
            let reason = data["error"].as_str().unwrap_or("no reason is given").to_owned();
            return Err(JanusError::Refused { code, reason });
        }
        let description = serde_json::from_value(answer["jsep"].take()).ok();
        Ok(Reply { data, description })
    }

    /// What a plugin says next by itself.
    pub async fn event(&mut self) -> Result<Value, JanusError> {
        loop {
            let mut event = match self.unread.pop_front() {
                Some(event) => event,
                None => self.events.recv().await.ok_or(JanusError::Ended)?,
            };
            tracing::debug!(%event, "janus");
            if event["janus"] == "event" {
                return Ok(event["plugindata"]["data"].take());
            }
        }
    }

    /// Ends it, and whatever it uses.
    pub async fn end(mut self) -> Result<(), JanusError> {
        self.post("", json!({ "janus": "destroy" })).await.map(drop)
    }

    async fn post(&mut self, path: &str, mut message: Value) -> Result<Value, JanusError> {
        self.requests += 1;
        message["transaction"] = self.requests.to_string().into();
        post(&self.agent, &format!("{}{path}", self.url), message).await
    }
}

async fn post(agent: &Agent, url: &str, message: Value) -> Result<Value, JanusError> {
    let (agent, url) = (agent.clone(), url.to_owned());
    let posted = spawn_blocking(move || -> Result<Value, ureq::Error> {
        agent.post(&url).send_json(&message)?.body_mut().read_json()
    });
    let answer = posted.await.map_err(|_| JanusError::Ended)??;
    refused(&answer)?;
    Ok(answer)
}

/// Asks again and again what happened, until the session is over or nobody wants to know.
fn listen(agent: &Agent, question: &str, to: &mpsc::Sender<Value>) {
    loop {
        let answer = agent.get(question).call().and_then(|mut answer| answer.body_mut().read_json::<Value>());
        let heard = match answer {
            Ok(event) if event["janus"] == "keepalive" => !to.is_closed(),
            Ok(event) => refused(&event).is_ok() && to.blocking_send(event).is_ok(),
            Err(_) => false,
        };
        if !heard {
            return;
        }
    }
}

fn refused(answer: &Value) -> Result<(), JanusError> {
    if answer["janus"] != "error" {
        return Ok(());
    }
    let (code, reason) = (&answer["error"]["code"], &answer["error"]["reason"]);
    Err(JanusError::Refused {
        code: code.as_i64().unwrap_or_default(),
        reason: reason.as_str().unwrap_or("no reason is given").to_owned(),
    })
}

fn number(value: &Value) -> Result<u64, JanusError> {
    value.as_u64().ok_or(JanusError::Lacking("number"))
}
