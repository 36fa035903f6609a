//! Both ends of a line of questions and answers over a Unix socket.
//!
//! The asking end numbers its questions, waits for each answer with a limit and never blocks others; the
//! answering end works on several questions at a time. Knows nothing of what is asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::LabError;
use crate::protocol::{Message, Request};

/// Questions that may wait for their answers to be written.
const ANSWERS: usize = 256;

type Waiting<Answer> = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Result<Answer, String>>>>>>;

/// The asking end.
#[derive(Debug)]
pub(crate) struct Connection<Answer> {
    who: String,
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
    /// `None` once the other end is gone.
    waiting: Waiting<Answer>,
    next: AtomicU64,
    reader: JoinHandle<()>,
}

impl<Answer: DeserializeOwned + Send + 'static> Connection<Answer> {
    /// Takes over the socket; `watch` sees every message before its asker does, and `None` at the end.
    pub(crate) fn open(
        who: String,
        stream: UnixStream,
        mut watch: impl FnMut(Option<&Message<Answer>>) + Send + 'static,
    ) -> Self {
        let (reader, writer) = stream.into_split();
        let waiting: Waiting<Answer> = Arc::new(Mutex::new(Some(HashMap::new())));
        let shared = Arc::clone(&waiting);
        let reader = tokio::spawn(async move {
            let mut lines = BufReader::new(reader).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(message) = serde_json::from_str::<Message<Answer>>(&line) else { break };
                watch(Some(&message));
                if let Message::Answer { id, answer } = message
                    && let Some(asker) = lock(&shared).as_mut().and_then(|waiting| waiting.remove(&id))
                {
                    // An asker that gave up at its limit is not interested any more.
                    let _gone = asker.send(answer);
                }
            }
            // Dropping the senders tells every asker.
            lock(&shared).take();
            watch(None);
        });
        let (writer, next) = (tokio::sync::Mutex::new(writer), AtomicU64::new(0));
        Self { who, writer, waiting, next, reader }
    }

    /// Asks and waits for the answer, at most `limit`.
    pub(crate) async fn ask(&self, ask: impl Serialize, limit: Duration) -> Result<Answer, LabError> {
        timeout(limit, self.exchange(ask))
            .await
            .unwrap_or_else(|_elapsed| Err(LabError::Silent { who: self.who.clone(), limit }))
    }

    async fn exchange(&self, ask: impl Serialize) -> Result<Answer, LabError> {
        let gone = || LabError::Gone(self.who.clone());
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (asker, answer) = oneshot::channel();
        lock(&self.waiting).as_mut().ok_or_else(gone)?.insert(id, asker);
        let mut line = serde_json::to_vec(&Request { id, ask })
            .map_err(|error| LabError::Refused { who: self.who.clone(), reason: error.to_string() })?;
        line.push(b'\n');
        self.writer.lock().await.write_all(&line).await.map_err(|_closed| gone())?;
        answer
            .await
            .map_err(|_closed| gone())?
            .map_err(|reason| LabError::Refused { who: self.who.clone(), reason })
    }

    /// Is the other end still there?
    pub(crate) fn is_open(&self) -> bool {
        lock(&self.waiting).is_some()
    }
}

impl<Answer> Drop for Connection<Answer> {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The answering end, until the asking end closes: `handle` is called for each question and may take its time.
///
/// `unasked` are messages that go out in between.
pub(crate) async fn serve<Ask, Answer, Work>(
    stream: UnixStream,
    mut unasked: mpsc::Receiver<Message<Answer>>,
    handle: impl Fn(Ask) -> Work,
) where
    Ask: DeserializeOwned,
    Answer: Serialize + Send + 'static,
    Work: Future<Output = Result<Answer, String>> + Send + 'static,
{
    let (reader, mut writer) = stream.into_split();
    let (answers, mut outgoing) = mpsc::channel::<Message<Answer>>(ANSWERS);
    let mut lines = BufReader::new(reader).lines();
    loop {
        // Answers before unasked messages, so that "started" is said before "has ended".
        let message = tokio::select! {
            biased;
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                let Ok(Request { id, ask }) = serde_json::from_str(&line) else { return };
                let (work, answers) = (handle(ask), answers.clone());
                tokio::spawn(async move {
                    // Fails only when the server has ended.
                    let _closed = answers.send(Message::Answer { id, answer: work.await }).await;
                });
                continue;
            }
            Some(answer) = outgoing.recv() => answer,
            Some(message) = unasked.recv() => message,
            else => return,
        };
        let Ok(mut line) = serde_json::to_vec(&message) else { return };
        line.push(b'\n');
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
