//! The end of a stream that may be of any length.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How much of the end is kept.
const LEN_MAX: usize = 16 << 10;
const PIECE_LEN: usize = 4096;
/// The time between two checks whether the stream has ended.
const END_INTERVAL: Duration = Duration::from_millis(10);

/// The last 16 KiB of a stream of bytes.
#[derive(Debug, Default)]
pub struct Tail(Vec<u8>);

impl Tail {
    /// Appends bytes, and drops what no longer fits at the front.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(LEN_MAX);
        self.0.drain(..surplus);
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text. It may hold control characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// Reads a stream on a thread of its own and keeps its tail.
#[derive(Debug)]
pub struct TailReader {
    tail: Arc<Mutex<Tail>>,
    thread: Option<JoinHandle<()>>,
}

impl TailReader {
    /// Starts to read.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn spawn(thread_name: &str, mut stream: impl Read + Send + 'static) -> io::Result<Self> {
        let tail = Arc::new(Mutex::new(Tail::default()));
        let sink = Arc::clone(&tail);
        let thread = thread::Builder::new().name(thread_name.into()).spawn(move || {
            let mut piece = [0; PIECE_LEN];
            while let Ok(len @ 1..) = stream.read(&mut piece) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(&piece[..len]);
            }
        })?;
        Ok(Self { tail, thread: Some(thread) })
    }

    /// What has arrived so far, as text. It may hold control characters.
    pub fn text(&self) -> String {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).text()
    }

    /// Waits for the end of the stream, but no longer than `limit`.
    pub fn join_within(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            if Instant::now() >= deadline {
                return;
            }
            thread::sleep(END_INTERVAL);
        }
        self.join();
    }

    /// Waits for the end of the stream.
    pub fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn tail_keeps_the_last_16_kib() {
        let mut tail = Tail::default();
        tail.push(&[b'a'; LEN_MAX]);
        tail.push(b"one\ntwo\n");
        assert_eq!(tail.text().len(), LEN_MAX);
        assert!(tail.text().ends_with("aone\ntwo\n"));
    }

    #[test]
    fn tail_reader_reads_to_the_end() {
        let stream = io::Cursor::new(vec![b'x'; 3 * LEN_MAX + 5]);
        let mut reader = TailReader::spawn("test-tail", stream).unwrap();
        reader.join();
        assert_eq!(reader.text(), "x".repeat(LEN_MAX));
    }
}
