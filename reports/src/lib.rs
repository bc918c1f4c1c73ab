//! How a result is shown: a typed model, [`Summary`], and its renderings as text and JSON.
//!
//! Nothing here knows about guests, connections, or how an interval is computed.

mod json;
mod model;
mod table;
mod text;
mod value;

pub use json::{parse_summary, read_summary, write_summary};
pub use model::*;
pub use table::{Align, Table};
pub use text::{TextOptions, render_gate, render_record_comparison, render_text, render_title};
pub use value::format_bytes;
