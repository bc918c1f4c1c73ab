//! One output of a program: how much of it is kept, and its lines.

use crate::tail::Tail;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::process::Stdio;

/// The longest line that is reported whole.
const LINE_LEN_MAX: usize = 16 << 10;
const PIECE_LEN: usize = 16 << 10;

/// What is kept of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// Nothing: it goes to /dev/null.
    Discard,
    /// Everything. A program that writes more than this many bytes is killed.
    All(usize),
    /// At most this many bytes; then the output is closed.
    Start(usize),
    /// The last 16 KiB.
    Tail,
}

/// An output while it is read.
pub(crate) struct Stream {
    /// None once it is closed.
    pub(crate) pipe: Option<File>,
    capture: Capture,
    held: Vec<u8>,
    tail: Tail,
}

impl Capture {
    pub(crate) fn stdio(self) -> Stdio {
        if self == Self::Discard { Stdio::null() } else { Stdio::piped() }
    }
}

impl Stream {
    pub(crate) fn new(capture: Capture) -> Self {
        Self { pipe: None, capture, held: Vec::new(), tail: Tail::default() }
    }

    /// The descriptor for poll, which ignores a negative one.
    pub(crate) fn polled(&self) -> libc::pollfd {
        let fd = self.pipe.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
    }

    /// Reads one piece; an empty one is the end.
    pub(crate) fn read(&mut self) -> io::Result<Vec<u8>> {
        let Some(pipe) = &mut self.pipe else { return Ok(Vec::new()) };
        let mut piece = vec![0; PIECE_LEN];
        let len = loop {
            match pipe.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        piece.truncate(len);
        if len == 0 {
            self.pipe = None;
        }
        match self.capture {
            Capture::Discard => {}
            Capture::All(_) => self.held.extend_from_slice(&piece),
            Capture::Start(len_max) => {
                self.held.extend_from_slice(&piece);
                if self.held.len() >= len_max {
                    self.held.truncate(len_max);
                    self.pipe = None;
                }
            }
            Capture::Tail => self.tail.push(&piece),
        }
        Ok(piece)
    }

    /// The limit on this output, if the program has exceeded it.
    pub(crate) fn exceeded(&self) -> Option<usize> {
        match self.capture {
            Capture::All(len_max) if self.held.len() > len_max => Some(len_max),
            _ => None,
        }
    }

    /// What was kept.
    pub(crate) fn text(&self) -> String {
        match self.capture {
            Capture::Tail => self.tail.text(),
            _ => String::from_utf8_lossy(&self.held).into_owned(),
        }
    }
}

/// Cuts a stream into lines.
pub(crate) struct Lines<'a> {
    report: &'a mut dyn FnMut(&str),
    begun: Vec<u8>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(report: &'a mut dyn FnMut(&str)) -> Self {
        Self { report, begun: Vec::new() }
    }

    /// Takes a piece of the stream; an empty one is its end.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        for byte in piece {
            match byte {
                b'\n' => self.flush(),
                _ if self.begun.len() == LINE_LEN_MAX => {
                    self.flush();
                    self.begun.push(*byte);
                }
                _ => self.begun.push(*byte),
            }
        }
        if piece.is_empty() && !self.begun.is_empty() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        (self.report)(&String::from_utf8_lossy(&self.begun));
        self.begun.clear();
    }
}
