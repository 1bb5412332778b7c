//! A language model behind an OpenAI-compatible endpoint: asked for JSON of a given shape, and not trusted with anything.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// How long one answer may take, and how much of it is read.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);
const MAX_ANSWER: u64 = 1 << 20;
/// How often it is asked again at once, and how long it is left alone before: twice as long each time.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Where the model is, and the key for it.
#[derive(Clone)]
pub struct Assistant {
    /// Such as https://models.example/v1
    pub url: String,
    pub model: String,
    key: String,
}

impl fmt::Debug for Assistant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.model, self.url)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the assistant {message}")]
pub struct AssistantError {
    pub message: String,
    /// Whether the same may well succeed later.
    pub is_passing: bool,
}

impl AssistantError {
    fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_passing: true }
    }

    fn lasting(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_passing: false }
    }
}

impl Assistant {
    /// The key is the first line of a file; none is an endpoint that asks for none.
    pub fn new(url: &str, model: &str, key_file: Option<&Path>) -> std::io::Result<Self> {
        let key = match key_file {
            Some(file) => std::fs::read_to_string(file)?.lines().next().unwrap_or_default().trim().to_owned(),
            None => String::new(),
        };
        Ok(Self { url: url.trim_end_matches('/').to_owned(), model: model.to_owned(), key })
    }

    /// Asks for an answer of a shape, which a JSON schema tells. Blocks: not for a thread that answers calls.
    pub fn ask(&self, instructions: &str, content: &str, schema: &Value) -> Result<Value, AssistantError> {
        let request = json!({
            "model": self.model,
            "temperature": 0,
            "seed": 1,
            "messages": [
                { "role": "system", "content": instructions },
                { "role": "user", "content": content },
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": { "name": "answer", "strict": true, "schema": schema },
            },
        });
        let request = request.to_string();
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.ask_once(&request) {
                Err(error) if error.is_passing => std::thread::sleep(pause),
                other => return other,
            }
            pause *= 2;
        }
        self.ask_once(&request)
    }

    fn ask_once(&self, request: &str) -> Result<Value, AssistantError> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(LONGEST_ANSWER))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        let mut asked =
            agent.post(format!("{}/chat/completions", self.url)).header("content-type", "application/json");
        if !self.key.is_empty() {
            asked = asked.header("authorization", format!("Bearer {}", self.key));
        }
        let mut answered = asked
            .send(request)
            .map_err(|error| AssistantError::passing(format!("can't be reached: {error}")))?;
        let status = answered.status().as_u16();
        let text = answered.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        let text = text.map_err(|error| AssistantError::passing(format!("broke off: {error}")))?;
        match status {
            200 => read(&text),
            408 | 409 | 425 | 429 | 500..=599 => {
                Err(AssistantError::passing(format!("said {status}: it is busy or failed")))
            }
            401 | 403 => {
                Err(AssistantError::lasting(format!("said {status}: see the key in assistant_key_file")))
            }
            other => {
                Err(AssistantError::lasting(format!("said {other}: see assistant_url and assistant_model")))
            }
        }
    }
}

/// What a chat completion says, as JSON.
fn read(text: &str) -> Result<Value, AssistantError> {
    let not_understood = || AssistantError::lasting("answered something that is no chat completion");
    let answer: Value = serde_json::from_str(text).map_err(|_| not_understood())?;
    let choice = answer.pointer("/choices/0").ok_or_else(not_understood)?;
    if let Some(refusal) = choice.pointer("/message/refusal").and_then(Value::as_str) {
        return Err(AssistantError::lasting(format!("refused: {}", shortened(refusal))));
    }
    if choice.pointer("/finish_reason").and_then(Value::as_str) == Some("length") {
        return Err(AssistantError::lasting("ran out of room before it was done"));
    }
    let content = choice.pointer("/message/content").and_then(Value::as_str).ok_or_else(not_understood)?;
    serde_json::from_str(content).map_err(|_| AssistantError::lasting("answered no JSON"))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
