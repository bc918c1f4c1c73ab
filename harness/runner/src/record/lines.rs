//! Reads the lines of a journal in order, and parses them on several threads.

use super::event::Event;
use super::seal::is_intact;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// The longest line, with its line feed. A round of distributions from several arms can be long.
pub(super) const LINE_LEN_MAX: usize = 64 << 20;

/// Lines are handed to threads in blocks of about this many bytes, and at most this many lines.
/// What a few threads hold of them fits a CPU's cache.
const BLOCK_LEN: usize = 128 << 10;
const BLOCK_LINES_MAX: usize = 4096;
/// More threads than this would wait for the one that takes the events.
const THREADS_MAX: usize = 4;

/// How a line ended.
#[derive(Clone, Copy)]
pub(super) enum LineEnd {
    /// With a line feed.
    Fed,
    /// With the file.
    File,
    /// It exceeds the limit, and its rest was skipped.
    Limit,
}

/// What a line says, or why it is ignored: a text that continues `line 7`.
pub(super) type Parsed = Result<Event, String>;

/// Successive lines.
#[derive(Default)]
struct Block {
    text: Vec<u8>,
    /// Of each line: where it ends in the text, and how it ended.
    ends: Vec<(usize, LineEnd)>,
}

impl Block {
    fn parse(&self) -> impl Iterator<Item = Parsed> + '_ {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| *end));
        starts.zip(&self.ends).map(|(start, (end, how))| parse_line(&self.text[start..*end], *how))
    }
}

/// Appends a line to `text`, without its line feed and the white space before it.
pub(super) fn read_line(input: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<LineEnd> {
    let start = text.len();
    let len = Read::take(&mut *input, LINE_LEN_MAX as u64).read_until(b'\n', text)?;
    if text[start..].last() == Some(&b'\n') {
        text.truncate(start + text[start..].trim_ascii_end().len());
        return Ok(LineEnd::Fed);
    }
    if len < LINE_LEN_MAX {
        return Ok(LineEnd::File);
    }
    text.truncate(start);
    input.skip_until(b'\n')?;
    Ok(LineEnd::Limit)
}

/// Hands the remaining lines to `take`, in order, until it breaks off.
///
/// # Errors
/// If the input cannot be read. `take` has got all lines before.
pub(super) fn parse_lines(
    input: &mut (impl BufRead + Send),
    take: &mut dyn FnMut(Parsed) -> ControlFlow<()>,
) -> io::Result<()> {
    // No thread is worth its start for a short journal, or for its first lines.
    let Some(first) = read_block(input)? else { return Ok(()) };
    if first.parse().try_for_each(&mut *take).is_break() {
        return Ok(());
    }
    drop(first);
    thread::scope(|scope| {
        let (mut blocks, mut parsed) = (Vec::new(), Vec::new());
        for _ in 0..thread_count() {
            let (block_sender, block_receiver) = sync_channel(1);
            let (parsed_sender, parsed_receiver) = sync_channel(1);
            scope.spawn(move || parse_blocks(block_receiver, parsed_sender));
            blocks.push(block_sender);
            parsed.push(parsed_receiver);
        }
        let reader = scope.spawn(move || read_blocks(input, &blocks));
        // The threads got the blocks in turn, so taking them in turn restores the order.
        let in_order = parsed.iter().cycle().map_while(|receiver| receiver.recv().ok());
        let _ = in_order.flatten().try_for_each(take);
        // A thread with more lines ends when nobody takes them.
        drop(parsed);
        reader.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// As many as the host runs at once. The events are the same for any number.
fn thread_count() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(THREADS_MAX))
}

/// Reads blocks and sends them to the threads in turn.
fn read_blocks(input: &mut impl BufRead, threads: &[SyncSender<Block>]) -> io::Result<()> {
    for thread in threads.iter().cycle() {
        let Some(block) = read_block(input)? else { break };
        if thread.send(block).is_err() {
            break;
        }
    }
    Ok(())
}

fn parse_blocks(blocks: Receiver<Block>, parsed: SyncSender<Vec<Parsed>>) {
    for block in blocks {
        if parsed.send(block.parse().collect()).is_err() {
            break;
        }
    }
}

/// `None` at the end of the input.
fn read_block(input: &mut impl BufRead) -> io::Result<Option<Block>> {
    let mut block = Block::default();
    while block.text.len() < BLOCK_LEN && block.ends.len() < BLOCK_LINES_MAX {
        let start = block.text.len();
        let how = read_line(input, &mut block.text)?;
        if matches!(how, LineEnd::File) && block.text.len() == start {
            break;
        }
        block.ends.push((block.text.len(), how));
    }
    Ok((!block.ends.is_empty()).then_some(block))
}

fn parse_line(line: &[u8], how: LineEnd) -> Parsed {
    match how {
        LineEnd::Limit => return Err(format!(": {}", too_long())),
        LineEnd::File => return Err(" is incomplete".into()),
        LineEnd::Fed if !is_intact(line) => return Err(": its checksum does not match".into()),
        LineEnd::Fed => {}
    }
    Event::parse(line).map_err(|error| {
        let (column, reason) = describe(&error);
        format!(", column {column}: {reason}")
    })
}

/// Why a line beyond the limit cannot be used.
pub(super) fn too_long() -> String {
    format!("it is longer than {} MiB", LINE_LEN_MAX >> 20)
}

/// The column and the text of an error. serde_json would also name a line, always line 1.
pub(super) fn describe(error: &serde_json::Error) -> (usize, String) {
    let text = error.to_string();
    let reason = text.split_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    (error.column(), reason.to_owned())
}
