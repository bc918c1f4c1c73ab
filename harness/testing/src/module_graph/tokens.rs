//! Rust source as the few kinds of tokens that paths are made of. Comments are left out.

use std::iter::Peekable;
use std::str::Chars;

/// A token, and the line it starts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or keyword, without `r#`.
    Word(String),
    /// `::`.
    Separator,
    /// A literal text, as it is written.
    Text(String),
    /// Any other character.
    Sign(char),
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
    tokens: Vec<Token>,
}

pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text.chars().peekable(), line: 1, tokens: Vec::new() };
    while let Some(c) = lexer.next() {
        lexer.take(c);
    }
    lexer.tokens
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next();
        self.line += usize::from(c == Some('\n'));
        c
    }

    fn push(&mut self, kind: Kind, line: usize) {
        self.tokens.push(Token { kind, line });
    }

    fn take(&mut self, first: char) {
        let line = self.line;
        let next = self.rest.peek().copied();
        match (first, next) {
            ('/', Some('/')) => while self.next().is_some_and(|c| c != '\n') {},
            ('/', Some('*')) => self.skip_block_comment(),
            ('"', _) => {
                let text = self.text();
                self.push(Kind::Text(text), line);
            }
            ('\'', _) => self.skip_character(),
            (':', Some(':')) => {
                self.next();
                self.push(Kind::Separator, line);
            }
            (c, _) if c.is_alphabetic() || c == '_' => self.word(c, line),
            (c, _) if c.is_whitespace() => {}
            (c, _) => self.push(Kind::Sign(c), line),
        }
    }

    fn skip_block_comment(&mut self) {
        self.next();
        let mut depth = 1;
        while depth > 0 {
            match (self.next(), self.rest.peek()) {
                (Some('*'), Some('/')) => depth -= 1,
                (Some('/'), Some('*')) => depth += 1,
                (None, _) => return,
                _ => continue,
            }
            self.next();
        }
    }

    /// The rest of a literal with escapes.
    fn text(&mut self) -> String {
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                '"' => break,
                '\\' => text.extend([Some(c), self.next()].into_iter().flatten()),
                c => text.push(c),
            }
        }
        text
    }

    /// A character, or a lifetime, which has no second quote.
    fn skip_character(&mut self) {
        if self.next() == Some('\\') {
            self.next();
            while self.next().is_some_and(|c| c != '\'') {}
        } else if self.rest.peek() == Some(&'\'') {
            self.next();
        }
    }

    fn word(&mut self, first: char, line: usize) {
        let mut word = String::from(first);
        while let Some(c) = self.rest.peek().filter(|c| c.is_alphanumeric() || **c == '_') {
            word.push(*c);
            self.next();
        }
        let is_prefix = ["r", "b", "br", "c", "cr"].contains(&word.as_str());
        match self.rest.peek() {
            Some('"') if is_prefix && !word.contains('r') => {
                self.next();
                self.text();
            }
            Some('"' | '#') if is_prefix && word.contains('r') => self.raw(line),
            Some('\'') if word == "b" => {
                self.next();
                self.skip_character();
            }
            _ => self.push(Kind::Word(word), line),
        }
    }

    /// A raw literal, or a raw identifier.
    fn raw(&mut self, line: usize) {
        let mut hashes = 0;
        while self.rest.peek() == Some(&'#') {
            self.next();
            hashes += 1;
        }
        if self.rest.peek() != Some(&'"') {
            if let Some(first) = self.next() {
                self.word(first, line);
            }
            return;
        }
        self.next();
        let end = "\"".to_owned() + &"#".repeat(hashes);
        let mut text = String::new();
        while let Some(c) = self.next() {
            text.push(c);
            if text.ends_with(&end) {
                return;
            }
        }
    }
}
